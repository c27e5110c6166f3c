"""A slide drawn from a seed, with known truth.

Geometry (where things are) -> densities of stain -> RGB -> pyramid on disk: each step is a module,
so that another stain replaces the second step only.
"""

from histo.slides.phantom.drawing import Phantom
from histo.slides.phantom.mosaic import write_mosaic
from histo.slides.phantom.spec import PhantomSpec
from histo.slides.phantom.truth import PhantomTruth
from histo.slides.phantom.writing import write_phantom

__all__ = ["Phantom", "PhantomSpec", "PhantomTruth", "write_mosaic", "write_phantom"]
