"""Where the cells are: one point an annotation, for counting and matching."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from histo.annotations.annotation import Annotation
from histo.annotations.class_map import ClassMap
from histo.vocabulary import Component

__all__ = ["component_centres"]


def component_centres(
    annotations: Sequence[Annotation], class_map: ClassMap, component: Component
) -> NDArray[np.float64]:
    """Return the centre of every annotation of a component.

    Parameters
    ----------
    annotations
        Points, or outlines and boxes of single cells.
    class_map
        What their classes mean; every one must be named in it.
    component
        Which to return.

    Returns
    -------
    ndarray of float64, shape (N, 2)
        (row, col) in level-0 pixels: points as they are, areas by their centroid; in the order of
        the annotations.

    Raises
    ------
    AnnotationError
        If the map does not name a class.
    """
    class_map.require(tuple(dict.fromkeys(a.name for a in annotations)), "the annotation")
    chosen = [
        annotation.geometry
        for annotation in annotations
        if (rule := class_map.rule(annotation.name))
        and isinstance(rule.to, tuple)
        and component in rule.to
    ]
    xy = shapely.get_coordinates(shapely.centroid(np.array(chosen, dtype=object)))
    centres: NDArray[np.float64] = xy[:, ::-1].astype(np.float64)
    return centres
