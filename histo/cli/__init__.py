"""The command line: one module a command; the only prints and exit codes of the project."""

__all__ = ["infer_main", "main", "train_main"]


def main() -> None:
    """Run ``histo``."""
    from histo.cli.app import run

    run()


def infer_main() -> None:
    """Run ``python infer.py``: the same as ``histo infer``."""
    from histo.cli.app import run

    run("infer")


def train_main() -> None:
    """Run ``python train.py``: the same as ``histo train``."""
    from histo.cli.app import run

    run("train")
