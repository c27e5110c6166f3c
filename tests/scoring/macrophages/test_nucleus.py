"""The nucleus rule: brown counts where its nucleus is seen."""

import numpy as np
import pytest

from histo.geometry import Spacing
from histo.scoring.macrophages.cells import Cells
from histo.scoring.macrophages.nucleus import NucleusSettings, judge_nuclei
from histo.stains import optical_density, rgb_from_density, unmix
from histo.stains.vectors import Dye, stain_matrix

HALF_UM = Spacing(0.5, 0.5)
GLASS = (240, 238, 235)
PLACES = {"counted": 40, "hidden": 100, "bare": 160, "negative": 220, "neighbour": 280}
CENTRES = np.array([[40.0, float(col)] for col in PLACES.values()])


def disc(col: float, radius_um: float, row: float = 40.0) -> np.ndarray:
    rows, cols = np.mgrid[:80, :320] + 0.5
    return (np.hypot(rows - row, cols - col) * 0.5 <= radius_um).astype(np.float64)


def stained() -> tuple[np.ndarray, np.ndarray]:
    """Amounts of haematoxylin and DAB of one profile for each verdict."""
    brown = 0.5 * disc(40, 7) + 1.6 * disc(100, 7) + 0.5 * disc(160, 7) + 0.5 * disc(280, 7)
    blue = 0.4 * disc(40, 3) + 0.4 * disc(220, 3)
    blue += 0.4 * disc(280, 3, row=60.0)  # 10 µm away: the nucleus of another cell
    return blue, brown


def cells(points: np.ndarray = CENTRES) -> Cells:
    return Cells(points, np.ones(len(points)))


def test_each_profile_has_its_verdict() -> None:
    found = judge_nuclei(cells(), *stained(), HALF_UM)
    assert found.counted.tolist() == [True, False, False, False, False]
    assert found.hidden.tolist() == [False, True, False, False, False]
    assert found.bare.tolist() == [False, False, True, False, True]
    assert found.negative.tolist() == [False, False, False, True, False]


def test_the_verdicts_survive_light_eight_bits_and_unmixing() -> None:
    blue, brown = stained()
    vectors = stain_matrix(Dye.HAEMATOXYLIN, Dye.DAB)
    rgb = rgb_from_density(np.stack([blue, brown], -1) @ vectors, GLASS)
    amounts = unmix(optical_density(rgb, GLASS), vectors)
    seen = judge_nuclei(cells(), amounts[..., 0], amounts[..., 1], HALF_UM)
    known = judge_nuclei(cells(), blue, brown, HALF_UM)
    for verdict in ("counted", "hidden", "bare", "negative"):
        np.testing.assert_array_equal(getattr(seen, verdict), getattr(known, verdict))


def test_haematoxylin_that_brown_leaks_is_no_nucleus() -> None:
    _, brown = stained()
    found = judge_nuclei(cells(), 0.1 * brown, brown, HALF_UM)
    assert not found.counted.any()
    believed = judge_nuclei(cells(), 0.1 * brown, brown, HALF_UM, NucleusSettings(leak=0.0))
    assert believed.counted[1]  # what the share taken off prevents


def test_one_nucleus_serves_one_profile() -> None:
    two = cells(np.array([[40.0, 36.0], [40.0, 46.0]]))
    found = judge_nuclei(two, 0.4 * disc(38, 3), 0.5 * disc(40, 9), HALF_UM)
    assert found.counted.tolist() == [True, False]
    assert found.bare.tolist() == [False, True]


def test_no_profiles_no_verdicts_and_nothing_seen_is_negative() -> None:
    nothing = np.full((80, 320), np.nan)
    assert judge_nuclei(cells(np.empty((0, 2))), *stained(), HALF_UM).counted.shape == (0,)
    assert judge_nuclei(cells(), nothing, nothing, HALF_UM).negative.all()


def test_planes_of_two_frames_are_a_wrong_argument() -> None:
    with pytest.raises(ValueError, match="one frame"):
        judge_nuclei(cells(), np.zeros((3, 3)), np.zeros((4, 3)), HALF_UM)
