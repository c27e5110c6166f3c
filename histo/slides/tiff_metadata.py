"""µm/px, magnification and colour profile from a TIFF's tags."""

import re
from dataclasses import dataclass

from tifffile import TiffFile, TiffPage

from histo.geometry import Spacing
from histo.slides.spacing import parse_positive, plausible

__all__ = ["TiffMetadata", "tiff_metadata"]

_UM_PER_UNIT = {"m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3}
_UM_PER_RESOLUTION_UNIT = {2: 25_400.0, 3: 10_000.0}
_ICC_TAG, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 34675, 282, 283, 296


@dataclass(frozen=True)
class TiffMetadata:
    """What a TIFF says about itself; None where it does not."""

    vendor: str
    spacing: Spacing | None
    objective_power: float | None
    icc_profile: bytes | None


def tiff_metadata(tiff: TiffFile) -> TiffMetadata:
    """Read the tags of the first page."""
    page = tiff.pages.first
    text = page.description
    profile = page.tags.valueof(_ICC_TAG)
    icc = bytes(profile) if profile else None
    if tiff.is_svs:
        # An Aperio file's resolution tags are not its pixel size.
        return TiffMetadata("aperio", _aperio_spacing(text), _aperio(text, "AppMag"), icc)
    if tiff.is_ome:
        power = parse_positive(_attribute(text, "Objective", "NominalMagnification"))
        return TiffMetadata("ome-tiff", _ome_spacing(text) or _resolution(page), power, icc)
    vendor = "qptiff" if tiff.is_qpi else "generic-tiff"
    return TiffMetadata(vendor, _resolution(page), None, icc)


def _aperio(text: str, key: str) -> float | None:
    found = re.search(rf"\|\s*{key}\s*=\s*([^|\s]+)", text)
    return parse_positive(found[1]) if found else None


def _aperio_spacing(text: str) -> Spacing | None:
    um_per_px = _aperio(text, "MPP")
    return Spacing(um_per_px, um_per_px, "slide: aperio.MPP") if um_per_px else None


def _attribute(xml: str, element: str, key: str) -> str | None:
    # By pattern, not by parser: OME-XML can be megabytes, and one attribute is wanted.
    tag = re.search(rf"<(?:\w+:)?{element}\b[^>]*>", xml)
    found = re.search(rf"\b{key}\s*=\s*[\"']([^\"']*)[\"']", tag[0]) if tag else None
    return found[1] if found else None


def _ome_spacing(xml: str) -> Spacing | None:
    sizes = []
    for axis in ("Y", "X"):
        size = parse_positive(_attribute(xml, "Pixels", f"PhysicalSize{axis}"))
        unit = _attribute(xml, "Pixels", f"PhysicalSize{axis}Unit") or "µm"
        unit = unit.replace("&#181;", "µ").replace("&#xb5;", "µ").replace("&#xB5;", "µ")
        if size is None or unit not in _UM_PER_UNIT:
            return None
        sizes.append(size * _UM_PER_UNIT[unit])
    return Spacing(sizes[0], sizes[1], "slide: OME PhysicalSize")


def _resolution(page: TiffPage) -> Spacing | None:
    """Spacing of the resolution tags; None where implausible: many programs write 72 dpi."""
    unit_um = _UM_PER_RESOLUTION_UNIT.get(int(page.tags.valueof(_RESOLUTION_UNIT, 1)))
    sizes = []
    for tag in (_Y_RESOLUTION, _X_RESOLUTION):
        above, below = page.tags.valueof(tag, (0, 1))
        if unit_um is None or not above or not below or not plausible(unit_um * below / above):
            return None
        sizes.append(unit_um * below / above)
    return Spacing(sizes[0], sizes[1], "slide: TIFF resolution")
