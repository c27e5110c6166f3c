"""Agreement of readings: figures by hand, from papers, and from other implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from histo.scoring.agreement import (
    PatientBootstrap,
    Scale,
    agreement,
    backward,
    bland_altman,
    choose_scale,
    concordance,
    forward,
    icc,
    unit_in_name,
    usable,
    weighted_kappa,
)
from histo.scoring.agreement.concordance import ccc_of
from histo.scoring.agreement.intraclass import icc_of, mean_squares
from histo.scoring.agreement.limits import limits_of
from histo.scoring.agreement.moments import moments
from histo.scoring.agreement.resampling import bootstrap_estimate

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def readings(seed=0, n=30, tables=2, shift=0.0, noise=0.5):
    """Two or more readings of slides of sd 1; the first reads higher by ``shift``."""
    rng = np.random.default_rng(seed)
    values = 5 + rng.normal(size=(n, 1)) + noise * rng.normal(size=(n, tables))
    values[:, 0] += shift
    return values


def ends(estimate):
    return estimate.low, estimate.high


# --- intraclass correlation


def test_icc_is_that_of_shrout_and_fleiss():
    found = icc(SHROUT_FLEISS)
    assert found.value == pytest.approx(0.29, abs=0.005)
    assert ends(found) == pytest.approx((0.02, 0.76), abs=0.005)


def test_mean_squares_are_those_of_shrout_and_fleiss():
    squares = mean_squares(moments(SHROUT_FLEISS))
    found = (squares.slides, squares.tables, squares.error)
    assert found == pytest.approx((11.24, 32.49, 1.02), abs=0.005)


def test_icc_falls_with_a_constant_difference_that_correlation_ignores():
    assert icc(readings(shift=1)).value < icc(readings()).value - 0.2


def test_icc_of_tables_that_are_the_same_is_1_without_an_interval():
    found = icc([[1, 1], [2, 2], [4, 4]])
    assert found.value == 1
    assert np.isnan(found.low)
    assert "agree exactly" in found.note


def test_icc_of_one_value_everywhere_is_undefined_and_says_so():
    found = icc(np.full((5, 2), 0.1))
    assert np.isnan(found.value)
    assert found.note == "all values are the same"


def test_icc_without_spread_between_slides_is_not_positive():
    found = icc([[1, 2], [2, 1], [1, 2], [2, 1]])
    assert found.value < 0
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("n", "shift_sd"), [(12, 0.0), (12, 0.3), (30, 0.3)])
def test_icc_interval_covers_what_it_claims(n, shift_sd):
    rng = np.random.default_rng(n)
    truth = 1 / (1 + shift_sd**2 + 0.25)
    held = 0
    for _ in range(300):
        values = rng.normal(size=(n, 1)) + 0.5 * rng.normal(size=(n, 2))
        found = icc(values + shift_sd * rng.normal(size=2))
        held += found.low <= truth <= found.high
    assert held / 300 > 0.92


# --- concordance


def test_concordance_by_hand():
    # Variances 2 and 2, covariance 2, means 1 apart: 2 * 2 / (2 + 2 + 1).
    found = concordance([1, 2, 3, 4, 5], [2, 3, 4, 5, 6])
    assert found.value == pytest.approx(0.8)
    # Correlation 1, u² = 1/2: variance (2 * .512 * .2 * .5 - .5 * .4096 * .25) / 3.
    reach = stats.norm.ppf(0.975) * np.sqrt(0.0512 / 3) / (1 - 0.64)
    assert ends(found) == pytest.approx(
        tuple(np.tanh([np.arctanh(0.8) - reach, np.arctanh(0.8) + reach]))
    )


def test_concordance_is_correlation_times_accuracy():
    x, y = readings(3, shift=0.7).T
    scale, apart = x.std() / y.std(), (x.mean() - y.mean()) ** 2 / (x.std() * y.std())
    accuracy = 2 / (scale + 1 / scale + apart)
    assert concordance(x, y).value == pytest.approx(stats.pearsonr(x, y)[0] * accuracy)


def test_concordance_variance_is_that_of_the_delta_method():
    """The interval's width against moments of a large normal sample, drawn again and again."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(800, 60, 1)) + 0.5 * rng.normal(size=(800, 60, 2)) + [0.4, 0]
    found = [concordance(*pair.T) for pair in x]
    spread = np.std(np.arctanh([estimate.value for estimate in found]))
    z_width = np.median([np.arctanh(e.high) - np.arctanh(e.low) for e in found])
    assert z_width / (2 * stats.norm.ppf(0.975)) == pytest.approx(spread, rel=0.08)


@pytest.mark.parametrize(
    ("first", "second", "value", "note"),
    [
        ([1, 2, 3], [1, 2, 3], 1, "agree exactly"),
        ([1, 2, 3], [3, 2, 1], -1, "exact opposites"),
        ([1, 2, 3], [2, 2, 2], 0, "same value on every slide"),
        ([2, 2, 2], [2, 2, 2], np.nan, "all values are the same"),
    ],
)
def test_concordance_at_its_edges(first, second, value, note):
    found = concordance(first, second)
    assert found.value == pytest.approx(value, nan_ok=True)
    assert np.isnan(found.low)
    assert note in found.note


# --- Bland and Altman


def test_bias_and_limits_by_hand():
    found = bland_altman([3, 5, 4, 8], [1, 4, 4, 7])  # differences 2, 1, 0, 1
    sd = np.sqrt(2 / 3)
    assert (found.bias.value, found.sd) == pytest.approx((1, sd))
    assert found.upper.value == pytest.approx(1 + stats.norm.ppf(0.975) * sd)
    assert ends(found.bias) == pytest.approx(stats.t.interval(0.95, 3, 1, sd / 2))


def test_intervals_of_limits_are_those_of_the_noncentral_t():
    x, y = readings(7, n=17).T
    found = bland_altman(x, y)
    root = np.sqrt(17)
    factor = stats.nct.ppf([0.025, 0.975], 16, stats.norm.ppf(0.975) * root) / root
    assert ends(found.upper) == pytest.approx(tuple(found.bias.value + factor * found.sd))
    mirrored = bland_altman(y, x)
    assert ends(found.lower) == pytest.approx((-mirrored.upper.high, -mirrored.upper.low))


def test_many_slides_give_the_approximate_interval_of_bland_and_altman():
    x, y = readings(8, n=3000).T
    found = bland_altman(x, y)
    z = stats.norm.ppf(0.975)
    half = z * found.sd * np.sqrt(1 / 3000 + z**2 / (2 * 2999))
    assert ends(found.upper) == pytest.approx(
        (found.upper.value - half, found.upper.value + half), rel=2e-3
    )


def test_on_the_log_scale_a_bias_is_a_ratio():
    found = bland_altman([2, 4, 8, 20], [1, 2, 4, 10], Scale.LOG)
    assert (found.bias.value, found.lower.value, found.upper.value) == pytest.approx((2, 2, 2))
    assert found.none == 1


def test_on_the_root_scale_zeros_are_values():
    found = bland_altman([0, 4, 9], [0, 1, 4], Scale.ROOT)
    assert found.bias.value == pytest.approx(2 / 3)
    assert found.none == 0


@pytest.mark.parametrize(("scale", "bad"), [(Scale.LOG, 0), (Scale.LOG, -1), (Scale.ROOT, -1)])
def test_a_value_that_cannot_stand_on_the_scale_is_refused(scale, bad):
    with pytest.raises(ValueError, match="cannot stand"):
        bland_altman([bad, 1, 2], [1, 1, 2], scale)


@few
@given(seeds, st.floats(0.1, 50))
def test_on_the_log_scale_units_do_not_matter(seed, unit):
    values = np.exp(readings(seed, n=8))
    one, other = (bland_altman(*(v.T), Scale.LOG) for v in (values, values * unit))
    assert other.bias.value == pytest.approx(one.bias.value)
    assert ends(other.upper) == pytest.approx(ends(one.upper))


# --- weighted kappa


def test_kappa_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    for _ in range(10):
        x = rng.integers(0, 4, 40)
        y = np.clip(x + rng.integers(-1, 2, 40), 0, 3)
        reference = metrics.cohen_kappa_score(x, y, weights="quadratic", labels=[0, 1, 2, 3])
        assert weighted_kappa(x, y).value == pytest.approx(reference)


def test_kappas_standard_error_is_the_slope_of_kappa_over_the_table():
    """Delta method by finite differences of the cells, against the closed form."""
    rng = np.random.default_rng(2)
    x = rng.integers(0, 3, 80)
    y = np.clip(x + rng.integers(-1, 2, 80), 0, 2)
    share = np.zeros((3, 3))
    np.add.at(share, (x, y), 1 / 80)
    weight = 1 - (np.subtract.outer(range(3), range(3)) / 2) ** 2

    def kappa(p):
        p = p.reshape(3, 3) / p.sum()
        chance = p.sum(1) @ weight @ p.sum(0)
        return ((p * weight).sum() - chance) / (1 - chance)

    step = 1e-6 * np.eye(9)
    slope = np.array([(kappa(share.ravel() + s) - kappa(share.ravel() - s)) / 2e-6 for s in step])
    p = share.ravel()
    error = np.sqrt(slope @ (np.diag(p) - np.outer(p, p)) @ slope / 80)
    found = weighted_kappa(x, y)
    half = stats.norm.ppf(0.975) * error
    assert ends(found) == pytest.approx((found.value - half, found.value + half), abs=1e-5)


@few
@given(seeds)
def test_kappa_is_the_concordance_of_grades(seed):
    x, y = np.random.default_rng(seed).integers(0, 4, (2, 20))
    expected = concordance(x, y).value
    assert weighted_kappa(x, y).value == pytest.approx(expected, nan_ok=True)


def test_kappa_of_one_grade_is_undefined_and_of_the_same_grades_1():
    assert np.isnan(weighted_kappa([1, 1, 1], [1, 1, 1]).value)
    assert weighted_kappa([0, 1, 2], [0, 1, 2]).value == 1


@pytest.mark.parametrize("grades", [[0, 1, 1.5], [0, 1, np.nan], [0, 1]])
def test_what_is_no_grade_is_refused(grades):
    with pytest.raises(ValueError, match="grade"):
        weighted_kappa(grades, grades)


# --- invariants all share


@few
@given(seeds, st.floats(-100, 100), st.floats(0.01, 100))
def test_shift_unit_order_and_exchange_change_no_coefficient(seed, shift, unit):
    values = readings(seed, n=9, shift=0.3)
    changed = np.random.default_rng(seed).permutation(values)[:, ::-1] * unit + shift
    for measure in (icc, lambda v: concordance(*v.T)):
        one, other = measure(values), measure(changed)
        assert (one.value, *ends(one)) == pytest.approx((other.value, *ends(other)), rel=1e-6)


def test_moments_of_resamples_are_those_of_the_rows_repeated():
    values = readings(4, n=6, tables=3)
    weights = np.array([[2, 0, 1, 1, 0, 2], [1, 1, 1, 1, 1, 1]], float)
    repeated = np.repeat(values, weights[0].astype(int), axis=0)
    both, plain = moments(values, weights), moments(repeated)
    for figure in (icc_of, lambda m: ccc_of(m.columns(0, 2)), lambda m: limits_of(m.columns(1, 2))):
        assert figure(both)[..., 0] == pytest.approx(figure(plain))
        assert figure(both)[..., 1] == pytest.approx(figure(moments(values)))


# --- scales


@pytest.mark.parametrize(
    ("name", "unit", "values", "scale"),
    [
        ("collagen_mm2", "mm2", [1, 2], Scale.LOG),
        ("tam_density_stroma_per_mm2", "", [1, 2], Scale.LOG),
        ("tam_density_stroma_per_mm2", "/mm2", [0, 2], Scale.ROOT),
        ("margin_distance_um", "um", [-3, 2], Scale.RAW),
        ("macrophages", "{count}", [0, 2], Scale.ROOT),
        ("nuclei_count", "", [1, 2], Scale.ROOT),
        ("collagen_fraction_of_tissue", "1", [0, 0.2], Scale.RAW),
        ("orientation_deg", "deg", [0, 20], Scale.RAW),
    ],
)
def test_the_scale_follows_the_unit_and_the_zeros(name, unit, values, scale):
    chosen, why = choose_scale(name, unit, np.array([*values, np.nan], float))
    assert chosen is scale
    assert why


def test_an_area_fraction_is_no_area():
    assert unit_in_name("area_fraction") == ""
    assert unit_in_name("fibre_density_mm_per_mm2") == "mm/mm2"


@pytest.mark.parametrize("scale", list(Scale))
def test_there_and_back_again(scale):
    values = np.array([0.5, 1.0, 7.0])
    assert backward(forward(values, scale), scale) == pytest.approx(values)


def test_only_rows_that_can_stand_on_the_scale_are_usable():
    values = np.array([[1, 2], [0, 2], [-1, 2], [np.nan, 2], [np.inf, 2]])
    kept = {str(scale): usable(values, scale).sum() for scale in Scale}
    assert kept == {"raw": 3, "log": 1, "root": 2}


# --- several tables, patients, baseline


def test_pairs_come_with_the_first_table_first():
    found = agreement(readings(tables=4), Scale.RAW)
    pairs = [(pair.first, pair.second) for pair in found.pairs]
    assert pairs == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_slides_without_a_value_everywhere_are_in_no_pair():
    values = readings(tables=3)
    values[4, 2] = np.nan
    found = agreement(values, Scale.LOG)
    assert found.n == 29
    whole = agreement(np.delete(values, 4, axis=0), Scale.LOG)
    assert found.pairs == whole.pairs


def test_fewer_than_three_slides_are_refused():
    with pytest.raises(ValueError, match="3 slides"):
        agreement(np.array([[1, 2], [2, 3], [np.nan, 1]]), Scale.RAW)


def test_the_baseline_finds_a_first_table_that_stands_apart():
    values = readings(1, n=60, tables=4)
    values[:, 0] += 1.5
    apart = agreement(values, Scale.RAW).baseline
    assert apart.difference.high < 0
    assert apart.first_against_others.value < apart.among_others.value
    alike = agreement(readings(1, n=60, tables=4), Scale.RAW).baseline
    assert alike.difference.low < 0 < alike.difference.high
    assert agreement(readings(), Scale.RAW).baseline is None


def twinned(seed=0, patients=20, slides=4):
    """Slides of one patient share half their value and most of their error."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(patients), slides)
    error = rng.normal(size=(patients, 2))[whose] + 0.3 * rng.normal(size=(whose.size, 2))
    slide = rng.normal(size=patients)[whose] + 0.5 * rng.normal(size=whose.size)
    return np.exp(5 + slide[:, None] + 0.4 * error), whose


def test_patients_with_several_slides_widen_every_interval():
    values, whose = twinned()
    plain = agreement(values, Scale.LOG).pairs[0]
    found = agreement(values, Scale.LOG, bootstrap=PatientBootstrap(whose))
    assert found.patients == 20
    pair = found.pairs[0]
    for one, other in [
        (plain.icc, pair.icc),
        (plain.ccc, pair.ccc),
        (plain.bland_altman.bias, pair.bland_altman.bias),
    ]:
        assert other.value == pytest.approx(one.value)
        assert other.high - other.low > 1.3 * (one.high - one.low)


def test_the_same_seed_gives_the_same_intervals():
    values, whose = twinned()
    one, same, other = (
        agreement(values, Scale.LOG, bootstrap=PatientBootstrap(whose, seed)).pairs
        for seed in (3, 3, 4)
    )
    assert one == same
    assert one != other


def test_names_of_patients_do_not_matter():
    values, whose = twinned()
    named = np.array([f"p{number:02d}" for number in whose])
    one, other = (
        agreement(values, Scale.RAW, bootstrap=PatientBootstrap(w)).pairs for w in (whose, named)
    )
    assert one == other


def test_too_few_patients_give_values_and_no_intervals():
    values, whose = twinned(patients=9)
    pair = agreement(values, Scale.LOG, bootstrap=PatientBootstrap(whose)).pairs[0]
    assert np.isfinite(pair.icc.value)
    assert np.isnan(pair.icc.low)
    assert "needs 10 patients" in pair.icc.note


def test_grades_get_a_kappa_with_an_interval_of_patients():
    values, whose = twinned()
    grades = np.clip(np.round(np.log(values) - 4), 0, 3)
    plain = agreement(grades, Scale.RAW, ordinal=True).pairs[0].kappa
    pair = agreement(grades, Scale.RAW, ordinal=True, bootstrap=PatientBootstrap(whose)).pairs[0]
    assert pair.kappa.value == pytest.approx(plain.value)
    assert pair.kappa.low < pair.kappa.value < pair.kappa.high
    assert agreement(values, Scale.LOG).pairs[0].kappa is None


def test_each_slide_its_own_patient_is_near_the_closed_form():
    values = readings(11, n=200)
    plain = agreement(values, Scale.RAW).pairs[0]
    drawn = agreement(values, Scale.RAW, bootstrap=PatientBootstrap(np.arange(200))).pairs[0]
    assert ends(drawn.ccc) == pytest.approx(ends(plain.ccc), abs=0.02)
    assert ends(drawn.bland_altman.upper) == pytest.approx(ends(plain.bland_altman.upper), abs=0.06)


@pytest.mark.parametrize(
    ("draws", "told"), [([np.nan, 0.2, 0.3] * 9, "no spread"), ([0.1, 0.2, 0.3] * 9, "")]
)
def test_undefined_resamples_take_the_interval_away(draws, told):
    found = bootstrap_estimate(0.2, np.array(draws), 12, correlation=True)
    assert told in found.note
    assert np.isnan(found.low) == bool(told)


def test_tables_need_two_columns_and_numbers():
    with pytest.raises(ValueError, match="3 slides x 2 tables"):
        icc([[1], [2], [3]])
    with pytest.raises(ValueError, match="not finite"):
        icc([[1, 2], [2, np.nan], [3, 1]])
