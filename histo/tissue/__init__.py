"""Where the tissue is, and which of it is fit to be measured."""

from histo.tissue.survey import TissueMap, tissue_map
from histo.tissue.white import white_point

__all__ = ["TissueMap", "tissue_map", "white_point"]
