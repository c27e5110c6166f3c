"""Where the tissue is, and which of it is fit to be measured."""

from histo.tissue.white import white_point

__all__ = ["white_point"]
