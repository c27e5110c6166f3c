"""histo scores the stroma of tumours on whole-slide images. Research use only.

The names below load their modules on first use, so ``import histo`` stays light.

Examples
--------
>>> import histo
>>> slide = histo.open_slide("slide.svs")  # doctest: +SKIP
>>> result = histo.score_slide("slide.svs", "results/")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from histo.errors import HistoError
    from histo.inference import segment
    from histo.nn import load_bundle
    from histo.pipeline import score_slide
    from histo.slides import open_slide

__all__ = ["HistoError", "__version__", "load_bundle", "open_slide", "score_slide", "segment"]

_HOME = {
    "HistoError": "histo.errors",
    "load_bundle": "histo.nn",
    "open_slide": "histo.slides",
    "score_slide": "histo.pipeline",
    "segment": "histo.inference",
}


def __getattr__(name: str) -> object:
    """Import a public name from its room the first time it is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'histo' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
