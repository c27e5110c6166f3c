"""A bundle inherits the strictest licence of its data."""

from itertools import pairwise

import pytest

from histo.errors import LicenceError
from histo.training.manifests.licences import family, is_freer, require_inherited, strictest

ORDER = ["CC0", "MIT", "CC BY 4.0", "CC BY-SA 4.0", "CC BY-NC 4.0", "CC BY-NC-SA 4.0", "none given"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("CC0", "CC0"),
        ("cc0-1.0", "CC0"),
        ("CC0 1.0 Universal (public domain)", "CC0"),
        ("Apache-2.0", "permissive"),
        ("BSD-3-Clause", "permissive"),
        ("MIT", "permissive"),
        ("CC BY 4.0", "CC-BY"),
        ("Creative Commons Attribution 4.0", "CC-BY"),
        ("cc-by-sa-4.0", "CC-BY-SA"),
        ("GPL-3.0", "CC-BY-SA"),
        ("CC BY-NC 4.0", "CC-BY-NC"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike", "CC-BY-NC-SA"),
        ("CC-BY-NC-ND", "CC-BY-NC-ND"),
        ("", "unstated"),
        ("CC BY 4.0, check", "unstated"),
        ("no licence stated", "unstated"),
        ("permitted", "unstated"),
        ("none stated at the repository's root, BSD-2-Clause in a subfolder", "unstated"),
        ("data licence not stated; repository Apache-2.0", "unstated"),
    ],
)
def test_a_licence_is_known_however_it_is_written(written, meant):
    assert family(written) == meant


def test_the_order_runs_from_free_to_unstated():
    assert all(is_freer(freer, stricter) for freer, stricter in pairwise(ORDER))
    assert not any(is_freer(stricter, freer) for freer, stricter in pairwise(ORDER))


@pytest.mark.parametrize("first", ORDER)
@pytest.mark.parametrize("second", ORDER)
def test_the_strictest_of_two_is_freer_than_neither(first, second):
    joined = strictest([first, second])
    assert joined == strictest([second, first])
    assert not is_freer(joined, first)
    assert not is_freer(joined, second)


def test_conditions_of_different_licences_add_up():
    assert strictest(["CC BY-SA 4.0", "CC BY-NC 4.0"]) == "CC-BY-NC-SA"
    assert strictest(["CC0", "MIT"]) == "permissive"
    assert strictest(["CC0", "MIT", "CC BY"]) == "CC-BY"
    assert strictest(["CC BY-NC-SA", "CC BY-NC-ND"]) == "CC-BY-NC-ND"
    assert strictest([]) == "unstated"


@pytest.mark.parametrize(
    ("bundle", "data"),
    [
        ("Apache-2.0", ["CC0", "BSD-2-Clause"]),
        ("CC BY 4.0", ["CC BY 4.0"]),
        ("CC BY-NC-SA 4.0", ["CC BY-NC-SA 4.0", "CC0"]),
        ("unstated", [""]),
    ],
)
def test_a_bundle_may_be_as_strict_as_its_data_or_stricter(bundle, data):
    require_inherited(bundle, data)


@pytest.mark.parametrize(
    ("bundle", "data", "told"),
    [
        ("Apache-2.0", ["CC BY-NC 4.0"], "its data are CC-BY-NC; put CC-BY-NC on its card"),
        ("CC BY-NC 4.0", ["CC BY-SA", "CC BY-NC"], "CC-BY-NC-SA"),
        ("CC0", ["MIT", "?"], "is not stated"),
    ],
)
def test_a_bundle_freer_than_its_data_is_refused(bundle, data, told):
    with pytest.raises(LicenceError, match=told):
        require_inherited(bundle, data)
