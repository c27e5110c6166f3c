"""Slides: pixels of any box of a whole-slide image, by µm/px.

Examples
--------
>>> from histo.slides import open_slide
>>> with open_slide("slide.svs") as slide:  # doctest: +SKIP
...     view, spacing = slide.thumbnail(8.0)

The names load their modules on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from histo.slides.array_slide import ArraySlide
    from histo.slides.opening import open_slide
    from histo.slides.protocol import Level, Slide, SlideInfo
    from histo.slides.reading import frame_shape, native_spacing

__all__ = [
    "ArraySlide",
    "Level",
    "Slide",
    "SlideInfo",
    "frame_shape",
    "native_spacing",
    "open_slide",
]

_HOME = {
    "ArraySlide": "histo.slides.array_slide",
    "Level": "histo.slides.protocol",
    "Slide": "histo.slides.protocol",
    "SlideInfo": "histo.slides.protocol",
    "frame_shape": "histo.slides.reading",
    "native_spacing": "histo.slides.reading",
    "open_slide": "histo.slides.opening",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module the first time it is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'histo.slides' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
