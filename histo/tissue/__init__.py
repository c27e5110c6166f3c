"""Where the tissue is, and which of it is fit to be measured."""

from histo.tissue.quality import exclusion_code, quality_map
from histo.tissue.sharpness import Field
from histo.tissue.survey import TissueMap, tissue_map
from histo.tissue.white import white_point

__all__ = [
    "Field",
    "TissueMap",
    "exclusion_code",
    "quality_map",
    "tissue_map",
    "white_point",
]
