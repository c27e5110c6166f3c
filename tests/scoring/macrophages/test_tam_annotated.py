"""Macrophages that a pathologist outlined: count, density and size by hand."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from shapely import Polygon
from skimage.draw import polygon2mask

from histo.geometry import Spacing
from histo.scoring import by_name
from histo.scoring.limits import warnings_for
from histo.scoring.macrophages.cells import find_cells
from histo.scoring.macrophages.matching import MATCH_RADII_UM, match_counts
from histo.scoring.macrophages.tam import count_tam
from histo.scoring.macrophages.tam_scores import tam_scores

SHAPE = (1153, 1307)
SPACING = Spacing(0.19448, 0.19448)


@pytest.fixture(scope="module")
def macrophages(shared_data: Path) -> list[Polygon]:
    """The sample's seven macrophages as (row, col) outlines."""
    root = ElementTree.parse(shared_data / "slides" / "monusac_A9K0_1.xml").getroot()
    outlines = []
    for annotation in root.iter("Annotation"):
        if annotation.find("Attributes/Attribute").get("Name") == "Macrophage":
            for region in annotation.iter("Region"):
                vertices = region.iter("Vertex")
                outlines.append(Polygon([(float(v.get("Y")), float(v.get("X"))) for v in vertices]))
    return outlines


@pytest.mark.shared_data
def test_annotated_macrophages_have_their_density_and_are_found_in_their_mask(
    macrophages: list[Polygon],
) -> None:
    drawn = np.zeros(SHAPE, bool)
    for outline in macrophages:
        drawn |= polygon2mask(SHAPE, np.array(outline.exterior.coords))
    true = np.array([(o.centroid.x, o.centroid.y) for o in macrophages])
    everywhere = np.ones(SHAPE, bool)
    scores = tam_scores("tumour_tissue", count_tam(true, everywhere, drawn), SPACING)
    values = {name: score.value for name, score in by_name(scores).items()}
    # 7 / (1307 * 1153 * 0.19448² µm²); drawn pixels make 0.8 % more area than the outlines
    assert values["tam_density_tumour_tissue_per_mm2"] == pytest.approx(122.8127, abs=1e-3)
    assert values["tam_area_fraction_of_tumour_tissue"] == pytest.approx(0.056746, rel=0.02)
    assert values["tam_profile_size_tumour_tissue_um2"] == pytest.approx(462.05, rel=0.02)
    assert not warnings_for(scores)
    # Three of them touch: the mask alone is enough to tell them apart.
    found = find_cells(drawn.astype(np.float32), SPACING)
    assert [match_counts(found.points, true, SPACING, r).f1 for r in MATCH_RADII_UM] == [1, 1]
