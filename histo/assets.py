"""Find the configurations and bundles that ship with histo, in a wheel or in a checkout."""

from functools import cache
from pathlib import Path

from histo.errors import BundleError, ConfigError

__all__ = ["bundle_names", "bundle_path", "config_path", "shipped"]


@cache
def shipped(kind: str) -> Path:
    """Return the shipped folder ``configs``, ``models`` or ``data_manifests``.

    A wheel carries them beside the package; in a checkout they stand at the top level.
    """
    package = Path(__file__).parent
    inside = package / "_shipped" / kind
    return inside if inside.is_dir() else package.parent / kind


def bundle_names() -> list[str]:
    """Names of the bundles that ship with histo."""
    return sorted(card.parent.name for card in shipped("models").glob("*/card.yaml"))


def bundle_path(name_or_path: str | Path) -> Path:
    """Return the folder of a bundle, named or given as a path.

    Raises
    ------
    BundleError
        If it is neither a shipped name nor a folder with a ``card.yaml``.
    """
    for folder in (Path(name_or_path), shipped("models") / str(name_or_path)):
        if (folder / "card.yaml").is_file():
            return folder
    known = ", ".join(bundle_names()) or "none"
    raise BundleError(
        f"no bundle '{Path(name_or_path).name}': expected a folder with a card.yaml "
        f"or a shipped name ({known})."
    )


def config_path(name_or_path: str | Path) -> Path:
    """Return the file of a configuration, by shipped name (without ``.yaml``) or path."""
    for file in (Path(name_or_path), shipped("configs") / f"{name_or_path}.yaml"):
        if file.is_file():
            return file
    known = ", ".join(sorted(file.stem for file in shipped("configs").glob("*.yaml")))
    raise ConfigError(
        f"no configuration '{Path(name_or_path).name}': expected a .yaml file or one of {known}."
    )
