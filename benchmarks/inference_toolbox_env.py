"""TIAToolbox's own virtual environment: found, or made once."""

import os
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["toolbox_python"]

_PACKAGES = ("tiatoolbox==2.1.3", "segmentation-models-pytorch", "safetensors")
_CHECK = (
    "import sys; from importlib.metadata import version; sys.exit(version('tiatoolbox') != '2.1.3')"
)


def toolbox_python(folder: Path | None) -> Path:
    """Return the interpreter of an environment with TIAToolbox 2.1.3.

    Parameters
    ----------
    folder
        Where it is or shall be; None for the user's cache.
    """
    folder = folder or _cache() / "histo-benchmarks" / "tiatoolbox"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not _works(python):
        print(f"  installing TIAToolbox into {folder}: several GB ...", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *_PACKAGES], check=True)
    return python


def _works(python: Path) -> bool:
    if not python.exists():
        return False
    return (
        subprocess.run([str(python), "-c", _CHECK], capture_output=True, check=False).returncode
        == 0
    )


def _cache() -> Path:
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
