"""What the low-power view of a slide tells: where its tissue is, and how it is stained."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from histo.errors import AnnotationError
from histo.slides import Slide
from histo.stains import StainGuess, identify_stain
from histo.tissue import TissueMap, tissue_map

__all__ = ["TISSUE_UM_PER_PX", "SlideSurvey", "survey_slide"]

TISSUE_UM_PER_PX = 8.0


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
    """Look at a slide at 8 µm/px.

    The stain is judged on all tissue, also where a region of interest is given.

    Raises
    ------
    SlideError
        If it has no µm/px or cannot be read.
    TissueError
        If there is no tissue.
    AnnotationError
        If the region file is broken, or holds no tissue.
    """
    view, spacing = slide.thumbnail(TISSUE_UM_PER_PX)
    tissue = tissue_map(view, spacing)
    stain = identify_stain(view, tissue.measurable, tissue.white_point)
    return SlideSurvey(tissue if roi is None else _inside(tissue, slide, roi), stain)


def _inside(tissue: TissueMap, slide: Slide, roi: Path) -> TissueMap:
    from histo.annotations import rasterise, read_regions  # shapely: only where regions are given

    shapes = [region.geometry for region in read_regions(roi, slide.shape)]
    inside = rasterise(shapes, tissue.spacing, slide.spacing, tissue.tissue.shape)
    kept = tissue.tissue & inside
    if not kept.any():
        raise AnnotationError(f"no tissue lies inside the regions of {roi.name}.")
    return replace(tissue, tissue=kept, exclusion=np.where(kept, tissue.exclusion, np.uint8(0)))
