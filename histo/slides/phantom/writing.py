"""A phantom as a file."""

from pathlib import Path

from histo.slides.phantom.drawing import Phantom
from histo.slides.phantom.pyramid import Progress, write_pyramid
from histo.slides.phantom.spec import PhantomSpec
from histo.slides.phantom.truth import PhantomTruth, Tally

__all__ = ["write_phantom"]


def write_phantom(
    path: Path | str, spec: PhantomSpec, *, progress: Progress | None = None
) -> PhantomTruth:
    """Draw a phantom into a JPEG-tiled pyramidal TIFF and return its truth.

    Parameters
    ----------
    path
        File to write, ``.tif`` or ``.tiff``; complete or absent, an old one is replaced.
    spec
        The recipe.
    progress
        Called with (rows done, rows in all) after each strip.

    Returns
    -------
    PhantomTruth
        Counted while drawing, so it costs nothing extra.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    phantom = Phantom(spec)
    tally = Tally(spec)
    write_pyramid(path, phantom.strips(tally), spec.shape, spec.um_per_px, progress=progress)
    return tally.truth(phantom.geometry.tumour_outline_um())
