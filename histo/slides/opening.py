"""From a path to a slide: which reader, and one clear sentence for everything that can fail."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from histo.errors import SlideError, SlideOpenError, UnsupportedSlideError
from histo.geometry import Spacing
from histo.slides.image_slide import open_image
from histo.slides.openslide_slide import OpenSlideSlide, detect_vendor
from histo.slides.protocol import Slide
from histo.slides.spacing import user_spacing

if TYPE_CHECKING:
    from histo.slides.tiff_slide import TiffSlide

__all__ = ["open_slide"]

Reader = Literal["auto", "openslide", "tiff", "image"]

_SMALLEST_PX = 16
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_IMAGE = (b"\x89PNG", b"\xff\xd8\xff", b"BM")
# Plain TIFF tiles: what the direct path decodes without knowing more of the vendor.
_DIRECT_VENDORS = {"aperio", "generic-tiff"}


def open_slide(
    path: str | Path,
    *,
    mpp: float | tuple[float, float] | None = None,
    apply_icc: bool = False,
    reader: Reader = "auto",
) -> Slide:
    """Open a slide with the reader that suits it.

    Aperio SVS and plain tiled TIFF are decoded directly; other vendors' files go through
    OpenSlide; OME-TIFF, qptiff and other TIFF through tifffile; PNG, JPEG and BMP are loaded.

    Parameters
    ----------
    path
        The file. Of a DICOM slide, any one of its files, beside the others.
    mpp
        µm/px of level 0 that counts before the slide's own; a pair is (row, col).
    apply_icc
        Convert from the embedded colour profile, if any, to sRGB.
    reader
        Insist on one reader.

    Returns
    -------
    Slide
        To be closed, or used as a context manager. A slide without µm/px opens; asking for its
        ``spacing`` raises SpacingError.

    Raises
    ------
    SlideOpenError
        If the file is missing, unreadable, damaged or no slide.
    UnsupportedSlideError
        If it is an image of a kind that is not scored.
    SpacingError
        If ``mpp`` is implausible.
    """
    path = Path(path)
    head = _head(path)
    spacing = user_spacing(mpp, path.name)
    slide = _opened(path, head, spacing, apply_icc, reader)
    if min(slide.shape) < _SMALLEST_PX:
        height, width = slide.shape
        slide.close()
        raise UnsupportedSlideError(
            f"{path.name} is {width} x {height} pixels, too small for a slide.", slide=path.name
        )
    return slide


def _head(path: Path) -> bytes:
    """Return the first bytes of a file that is there, readable and not empty."""
    name = path.name
    try:
        if path.is_dir():
            raise SlideOpenError(
                f"{name} is a folder; give a slide file (of DICOM, one of its files).", slide=name
            )
        with path.open("rb") as stream:
            head = stream.read(16)
    except FileNotFoundError as fault:
        raise SlideOpenError(f"{name} does not exist.", slide=name) from fault
    except PermissionError as fault:
        raise SlideOpenError(f"{name} may not be read: no permission.", slide=name) from fault
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or "no valid file name"
        raise SlideOpenError(f"{name} cannot be read: {reason}.", slide=name) from fault
    if not head:
        raise SlideOpenError(f"{name} is empty (0 bytes).", slide=name)
    return head


def _opened(
    path: Path, head: bytes, spacing: Spacing | None, apply_icc: bool, reader: Reader
) -> Slide:
    if reader == "openslide":
        return OpenSlideSlide(path, spacing=spacing, apply_icc=apply_icc)
    if reader == "tiff":
        return _tiff(path, spacing, apply_icc)
    if reader == "image":
        return open_image(path, spacing=spacing, apply_icc=apply_icc)
    vendor = detect_vendor(path)
    if head.startswith(_TIFF) and (vendor is None or vendor in _DIRECT_VENDORS):
        return _direct(path, spacing, apply_icc, vendor)
    if vendor is not None:
        return _vendor(path, head, spacing, apply_icc)
    if head.startswith(_IMAGE):
        return open_image(path, spacing=spacing, apply_icc=apply_icc)
    raise SlideOpenError(
        f"{path.name} is no slide: neither a whole-slide format nor TIFF, PNG, JPEG or BMP.",
        slide=path.name,
    )


def _tiff(path: Path, spacing: Spacing | None, apply_icc: bool) -> "TiffSlide":
    from histo.slides.tiff_slide import TiffSlide  # tifffile costs 90 ms; few formats need it

    return TiffSlide(path, spacing=spacing, apply_icc=apply_icc)


def _direct(path: Path, spacing: Spacing | None, apply_icc: bool, vendor: str | None) -> Slide:
    """Decode directly; what that does not take, OpenSlide may if it knows the file."""
    from histo.slides.tiff_pages import IndirectError

    try:
        slide = _tiff(path, spacing, apply_icc)
    except IndirectError as fault:
        if vendor is None:
            raise
        try:
            return OpenSlideSlide(path, spacing=spacing, apply_icc=apply_icc)
        except SlideOpenError:
            raise fault from fault.__cause__
    if vendor == "aperio" and slide.has_gaps:
        # OpenSlide draws a missing Aperio tile from the next level; glass would be wrong.
        slide.close()
        return OpenSlideSlide(path, spacing=spacing, apply_icc=apply_icc)
    return slide


def _vendor(path: Path, head: bytes, spacing: Spacing | None, apply_icc: bool) -> Slide:
    """Open by OpenSlide; a TIFF it recognises but fails on may still be a plain pyramid."""
    try:
        return OpenSlideSlide(path, spacing=spacing, apply_icc=apply_icc)
    except SlideError as fault:
        if not head.startswith(_TIFF):
            raise
        try:
            return _tiff(path, spacing, apply_icc)
        except SlideError:
            raise fault from fault.__cause__
