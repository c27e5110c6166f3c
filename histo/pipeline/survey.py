"""What the low-power view of a slide tells: where its tissue is, and how it is stained."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from histo.errors import AnnotationError, TissueError
from histo.geometry import Box, Spacing
from histo.slides import Slide, native_spacing
from histo.stains import StainGuess, identify_stain
from histo.tissue import Field, TissueMap, tissue_map
from histo.vocabulary import Exclusion

__all__ = ["TISSUE_UM_PER_PX", "SlideSurvey", "survey_slide"]

TISSUE_UM_PER_PX = 8.0
_FOCUS_UM_PER_PX = 2.0
_FIELD_UM, _FIELD_STEP_UM = 500.0, 1000.0  # focus drifts over millimetres: a quarter is enough
_SMALL_VIEW_PX = 128 * 128  # 1 mm x 1 mm: the lumens of a crop, its only glass, are blurred away
_FLAT = 12  # grey levels: a field of bare glass varies less


@dataclass(frozen=True)
class SlideSurvey:
    """The tissue of a slide (inside the region of interest, if any) and its stain."""

    tissue: TissueMap
    stain: StainGuess

    def as_record(self, slide: Slide) -> dict[str, Any]:
        """Return what ``run.json`` says of the slide: nothing that names it."""
        info, own = slide.info, slide.spacing
        return {
            "size_px": [slide.shape[1], slide.shape[0]],
            "um_per_px": [own.col, own.row],
            "um_per_px_source": own.source,
            "vendor": info.vendor,
            "reader": info.reader,
            "levels": len(slide.levels),
            "icc_profile": info.icc_profile,
            "icc_applied": info.icc_applied,
            "white_point": self.tissue.white_point.tolist(),
            "stain": {str(kind): round(p, 4) for kind, p in self.stain.probabilities.items()},
        }


def survey_slide(slide: Slide, roi: Path | None = None) -> SlideSurvey:
    """Look at a slide at 8 µm/px, and at 2 µm/px in sampled fields to judge its focus.

    The stain is judged on all tissue, also where a region of interest is given.

    Raises
    ------
    SlideError
        If it has no µm/px or cannot be read.
    TissueError
        If there is no tissue, or all of it is excluded.
    AnnotationError
        If the region file is broken, or holds no tissue.
    """
    view, spacing = slide.thumbnail(TISSUE_UM_PER_PX)
    small = view.shape[0] * view.shape[1] < _SMALL_VIEW_PX
    tissue = tissue_map(
        view,
        spacing,
        fields=_fields(slide, view, spacing),
        glass=slide.glass if small else None,
    )
    stain = identify_stain(view, tissue.measurable, tissue.white_point)
    if roi is not None:
        tissue = _inside(tissue, slide, roi)
    _require_fit(tissue)
    return SlideSurvey(tissue, stain)


def _fields(slide: Slide, view: NDArray[np.uint8], spacing: Spacing) -> Iterator[Field]:
    """Yield finer views on a lattice, one at a time; places of bare glass are not read."""
    fine = native_spacing(slide, _FOCUS_UM_PER_PX)
    height, width = (slide.shape[0] * slide.spacing.row, slide.shape[1] * slide.spacing.col)
    side = (round(_FIELD_UM / fine.row), round(_FIELD_UM / fine.col))
    for top in np.arange(0.0, height, _FIELD_STEP_UM):
        for left in np.arange(0.0, width, _FIELD_STEP_UM):
            rows = slice(int(top / spacing.row), int((top + _FIELD_UM) / spacing.row) + 1)
            cols = slice(int(left / spacing.col), int((left + _FIELD_UM) / spacing.col) + 1)
            if np.ptp(view[rows, cols, 1]) < _FLAT:
                continue
            corner = (round(top / fine.row), round(left / fine.col))
            box = Box(*corner, *side).intersect(Box(0, 0, *slide.frame_shape(fine)))
            if box:
                place = (corner[0] * fine.row, corner[1] * fine.col)
                yield Field(slide.read(box, fine), fine, *place)


def _inside(tissue: TissueMap, slide: Slide, roi: Path) -> TissueMap:
    from histo.annotations import rasterise, read_regions  # shapely: only where regions are given

    shapes = [region.geometry for region in read_regions(roi, slide.shape)]
    inside = rasterise(shapes, tissue.spacing, slide.spacing, tissue.tissue.shape)
    kept = tissue.tissue & inside
    if not kept.any():
        raise AnnotationError(f"no tissue lies inside the regions of {roi.name}.")
    return replace(tissue, tissue=kept, exclusion=np.where(kept, tissue.exclusion, np.uint8(0)))


def _require_fit(tissue: TissueMap) -> None:
    if tissue.measurable.any():
        return
    found = np.bincount(tissue.exclusion[tissue.tissue], minlength=1 + len(Exclusion))
    reasons = ", ".join(reason for reason, count in zip(Exclusion, found[1:], strict=True) if count)
    raise TissueError(f"all the tissue is excluded ({reasons}); clean the slide or scan it again.")
