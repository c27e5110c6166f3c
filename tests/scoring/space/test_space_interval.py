"""The correlation length is found; the interval covers, adds up, or declines with a reason."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from histo.scoring.space.correlation import correlation_length_um, correlogram
from histo.scoring.space.interval import IntervalSettings, SpatialIntervals, spatial_interval
from histo.scoring.space.lattice import CorrelationFit, TileLattice, block_sums

FEW = IntervalSettings(draws=400, simulations=100)


SPECKS = np.zeros((16, 16))
SPECKS[[2, 9, 12], [3, 11, 4]] = 1.0


def ragged(size: int = 16) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size] + 0.5 - size / 2
    return (np.hypot(rows, cols * 1.2) < size * 0.48).astype(float)


def smooth_field(size: int, sigma: float, seed: int) -> np.ndarray:
    """A Gaussian field with correlation exp(-(h / 2 sigma)²), periodic."""
    noise = np.random.default_rng(seed).standard_normal((size, size))
    field = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    return field / field.std()


def test_the_correlation_length_of_a_smooth_field_is_found_on_a_ragged_mask() -> None:
    mask = ragged(200)
    found = [
        correlation_length_um(correlogram(smooth_field(200, 3.0, seed) * mask, mask, 50.0))
        for seed in range(4)
    ]
    assert np.mean(found) == pytest.approx(2 * 3.0 * 50.0, rel=0.1)


def slow_correlation(numerator: np.ndarray, weight: np.ndarray, ring: int) -> float:
    ratio = numerator.sum() / weight.sum()
    e, places = numerator - ratio * weight, np.argwhere(weight > 0)
    apart = np.rint(np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)))
    values, mass = e[weight > 0], weight[weight > 0]
    pairs = apart == ring
    return (np.outer(values, values)[pairs].sum() / np.outer(mass, mass)[pairs].sum()) / (
        (values**2).sum() / (mass**2).sum()
    )


def test_the_correlogram_agrees_with_all_pairs_weights_and_all() -> None:
    rng = np.random.default_rng(0)
    weight = ragged(12) * rng.uniform(0.2, 1, (12, 12))
    numerator = rng.random((12, 12)) * weight
    found = correlogram(numerator, weight, 100.0)
    assert found.correlation[0] == 1.0
    for ring in (1, 2, 4):
        assert found.correlation[ring] == pytest.approx(slow_correlation(numerator, weight, ring))


def test_a_constant_has_no_length_and_noise_has_less_than_a_cell() -> None:
    mask = ragged(20)
    assert math.isnan(correlation_length_um(correlogram(0.3 * mask, mask, 100.0)))
    assert math.isnan(correlation_length_um(correlogram(0 * mask, 0 * mask, 100.0)))
    noise = np.random.default_rng(1).random((20, 20)) * mask
    assert correlation_length_um(correlogram(noise, mask, 100.0)) < 100.0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_tile_is_in_as_many_blocks(seed: int) -> None:
    tiles = np.random.default_rng(seed).random((5, 7))
    for side in (1, 2, 4):
        assert block_sums(tiles, side).sum() == pytest.approx(side**2 * tiles.sum())
    assert block_sums(tiles, 2)[1, 1] == pytest.approx(tiles[:2, :2].sum())


def test_fields_are_simulated_with_the_correlation_that_is_then_measured() -> None:
    lattice = TileLattice(ragged(20))
    true = 5
    fields = lattice.simulate(CorrelationFit(true, 0.0), 200, np.random.default_rng(0))
    assert fields.std() == pytest.approx(1.0, abs=0.05)
    beside = np.mean(fields[:, :, 1:] * fields[:, :, :-1])
    assert beside == pytest.approx(math.exp(-1 / lattice.lengths[true]), abs=0.04)
    best, nugget = lattice.fit(lattice.residuals(fields))
    assert abs(np.median(best) - true) <= 1
    assert np.median(nugget[true]) < 0.2


def threshold_tiles(sigma_tiles: float, seed: int, fraction: float = 0.3) -> np.ndarray:
    """Tile sums (of 16 pixels) of a thresholded field on the ragged mask."""
    wide = smooth_field(256, 4 * sigma_tiles, seed)[:64, :64]
    cut = float(np.sqrt(2)) * -_erfinv(2 * fraction - 1)
    return (wide > cut).reshape(16, 4, 16, 4).sum((1, 3)) * ragged(16)


def _erfinv(value: float) -> float:
    from scipy.special import erfinv

    return float(erfinv(value))


def test_the_interval_covers_where_plain_tiles_do_not() -> None:
    denominator = 16 * ragged(16)
    made = SpatialIntervals(denominator, 1000.0, FEW)
    plain, held, answered = 0, 0, 0
    for seed in range(30):
        tiles = threshold_tiles(0.7, seed)
        ratio = tiles.sum() / denominator.sum()
        error = np.sqrt(np.sum((tiles - ratio * denominator) ** 2)) / denominator.sum()
        plain += abs(ratio - 0.3) <= 1.96 * error
        found = made.of(tiles, bounded=True)
        if not found.note:
            answered += 1
            held += found.low <= 0.3 <= found.high
            assert 0 < found.low < ratio < found.high < 1
            assert found.block_um >= max(1000.0, found.correlation_um)
    assert plain < 24
    assert answered > 15
    assert held / answered >= 0.85


def test_noise_without_correlation_has_about_the_plain_width() -> None:
    denominator = ragged(20)
    counts = np.random.default_rng(2).poisson(50 * denominator).astype(float)
    found = spatial_interval(counts, denominator, 1000.0, settings=FEW)
    error = math.sqrt(counts.sum()) / denominator.sum()
    assert found.low < 50 < found.high
    assert 0.8 < (found.high - found.low) / (2 * 1.96 * error) < 2.0


def test_same_seed_same_interval_and_turning_the_slide_keeps_it_nearly() -> None:
    denominator = 16 * ragged(16)
    tiles = threshold_tiles(0.5, 3)
    first = spatial_interval(tiles, denominator, 1000.0, settings=FEW)
    assert first == spatial_interval(tiles, denominator, 1000.0, settings=FEW)
    turned = spatial_interval(np.rot90(tiles), np.rot90(denominator), 1000.0, settings=FEW)
    assert turned.low == pytest.approx(first.low, rel=0.25)


def test_empty_tiles_around_the_mask_and_the_unit_change_nothing() -> None:
    denominator = 16 * ragged(16)
    tiles = threshold_tiles(0.5, 4)
    first = spatial_interval(tiles, denominator, 1000.0, settings=FEW)
    scaled = spatial_interval(tiles, denominator / 1000, 1000.0, settings=FEW)
    assert scaled.low == pytest.approx(1000 * first.low)
    padded = spatial_interval(np.pad(tiles, 2), np.pad(denominator, 2), 1000.0, settings=FEW)
    # The simulated fields differ with the frame, the measured ones do not.
    assert padded.low == pytest.approx(first.low, rel=0.25)


@pytest.mark.parametrize(
    ("tiles", "denominator", "reason"),
    [
        (np.ones((4, 4)), np.ones((4, 4)), "16.0 tiles are under 20"),
        (np.zeros((6, 6)), np.zeros((6, 6)), "0.0 tiles"),
        (np.zeros((6, 6)), np.ones((6, 6)), "value is 0"),
        (0.4 * np.ones((6, 6)), np.ones((6, 6)), "no tile differs"),
        (np.indices((12, 12))[0] / 12, np.ones((12, 12)), "half of the slide"),
        (SPECKS, np.ones((16, 16)), "only 3.0 separate places"),
    ],
)
def test_it_declines_with_a_reason(tiles: np.ndarray, denominator: np.ndarray, reason: str) -> None:
    found = spatial_interval(tiles, denominator, 1000.0, settings=FEW)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert reason in found.note


def test_a_fraction_of_one_has_no_interval_and_shapes_must_agree() -> None:
    assert (
        "value is 1" in spatial_interval(np.ones((6, 6)), np.ones((6, 6)), 1e3, bounded=True).note
    )
    with pytest.raises(ValueError, match="one grid"):
        spatial_interval(np.ones((6, 5)), np.ones((6, 6)), 1e3)


def test_small_tiles_count_as_the_part_of_a_block_they_are() -> None:
    denominator = np.ones((8, 8))  # 4 mm x 4 mm in half-millimetre tiles
    found = spatial_interval(np.ones((8, 8)), denominator, 500.0)
    assert "16.0 tiles are under 20" in found.note
