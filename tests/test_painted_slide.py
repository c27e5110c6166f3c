"""A drawn section, stained with DAB by the laws of optics: what is counted is what was painted."""

import numpy as np
import pytest
import tifffile

from histo.geometry import Box
from histo.pipeline import ScoreOptions, score_slide
from histo.slides.phantom import Phantom, PhantomSpec
from histo.stains.simulate import Scene, SimulationSpec, simulate_dab, unmixed_tissue
from histo.vocabulary import Marker

UM_PER_PX = 0.5


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Folder of the slide, cells per mm² and positive mm²."""
    spec = PhantomSpec(seed=1, width_mm=0.7, height_mm=0.55, um_per_px=UM_PER_PX)
    drawn = Phantom(spec)
    whole = Box(0, 0, *drawn.shape)
    tissue = unmixed_tissue(drawn.render(whole), UM_PER_PX, "he", spec.glass)
    stain = SimulationSpec(
        scenes={Scene.MACROPHAGES: 1.0},
        positive_share=(0.12, 0.12),
        distractor_chance=0.0,
        edge_chance=0.0,
        defocus_chance=0.0,
    )
    patch = simulate_dab(tissue, np.random.default_rng(4), stain)
    path = tmp_path_factory.mktemp("painted") / "P1_CD68.tif"
    per_cm = 1e4 / UM_PER_PX
    tifffile.imwrite(
        path,
        patch.rgb,
        photometric="rgb",
        tile=(256, 256),
        resolution=(per_cm, per_cm),
        resolutionunit="CENTIMETER",
    )
    px_mm2 = UM_PER_PX**2 / 1e6
    tissue_mm2 = drawn.truth_mask("tissue", whole).sum() * px_mm2
    return path, len(patch.centres_px) / tissue_mm2, patch.positive.sum() * px_mm2


def test_macrophages_are_counted_as_painted(painted, tmp_path):
    path, per_mm2, positive_mm2 = painted
    scored = score_slide(path, tmp_path, ScoreOptions(marker=Marker.CD68))
    values = {score.name: score.value for score in scored.scores}
    assert values["tam_density_tissue_per_mm2"] == pytest.approx(per_mm2, rel=0.15)
    assert values["macrophage_mm2"] == pytest.approx(positive_mm2, rel=0.1)
    assert 60 <= values["tam_profile_size_tissue_um2"] <= 500


def test_the_same_brown_is_myofibroblast_for_another_marker(painted, tmp_path):
    path, _, positive_mm2 = painted
    scored = score_slide(path, tmp_path, ScoreOptions(marker=Marker.ASMA))
    values = {score.name: score.value for score in scored.scores}
    assert values["myofibroblast_mm2"] == pytest.approx(positive_mm2, rel=0.1)
    assert "muscle_mm2" in values
    assert not any(name.startswith(("tam_", "positive_", "cell_")) for name in values)
