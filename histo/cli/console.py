"""What every command shares: one sentence for a fault, a progress bar for a person."""

import json
import logging
import math
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from histo.errors import HistoError

if TYPE_CHECKING:
    from histo.scoring import Score

__all__ = ["faults", "print_json", "progress_bar", "report", "score_words", "sentence"]


def sentence(fault: BaseException) -> str:
    """Say in one sentence, on one line, what went wrong."""
    if isinstance(fault, HistoError):
        return " ".join(str(fault).split())
    if isinstance(fault, MemoryError):
        return "the machine has no memory left; close other programs or use a smaller --tile."
    words = " ".join(f"unexpected {type(fault).__name__}: {fault}".split())
    return f"{words} (please report it, with what --debug prints)."


def report(fault: BaseException, *, debug: bool) -> None:
    """Print the sentence on standard error; with ``debug`` the traceback before it."""
    if debug:
        traceback.print_exception(fault)
    typer.echo(f"Error: {sentence(fault)}", err=True)


@contextmanager
def faults(*, debug: bool) -> Iterator[None]:
    """Turn a fault into one sentence and exit code 1; Ctrl-C into exit code 130."""
    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR, stream=sys.stderr)
    if debug:
        logging.getLogger("PIL").setLevel(logging.INFO)
        warnings.simplefilter("default")
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
        raise  # typer's own; it also ends quietly where nobody reads on (| head)
    except KeyboardInterrupt:
        typer.echo("Interrupted; nothing half-written was left.", err=True)
        raise typer.Exit(130) from None
    except Exception as fault:
        report(fault, debug=debug)
        raise typer.Exit(1) from None


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output; NaN and infinity become null."""
    typer.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def score_words(score: "Score") -> tuple[str, str]:
    """Return value and unit of a score as a person reads them."""
    value = "not defined" if score.value != score.value else f"{score.value:.4g}"
    return value, "" if score.unit == "1" else score.unit


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show stage, tiles, rate and time left on a terminal; nothing anywhere else."""
    if quiet or not sys.stderr.isatty():
        yield lambda _stage, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),  # a file may be called "[b].svs"
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, count="")
        shown = ""

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal shown
            if stage != shown:  # the pace of one stage says nothing of the next
                shown = stage
                bar.reset(task, description=f"{title}: {stage}", total=total if total > 1 else None)
            bar.update(task, completed=done, count=_count(stage, done, total, bar.tasks[0].speed))

        yield tell


def _count(stage: str, done: int, total: int, speed: float | None) -> str:
    """Say how much is done, and how fast; a stage of one step has nothing to count."""
    if total <= 1:
        return ""
    rate = f", {speed:.1f}/s" if speed else ""
    return f"{done}/{total} {'rows' if stage == 'drawing' else 'tiles'}{rate}"
