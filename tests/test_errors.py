"""The exception tree is the one drawn at the top of its module."""

import re

import pytest

from histo import errors


def drawn_tree() -> dict[str, str]:
    """Child -> parent, read from the drawing in the module's docstring."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ([ │├└─]*)(\w+Error)\b", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        above[depth:] = [found[2]]
        parents[found[2]] = above[depth - 1] if depth else "Exception"
    return parents


def test_the_drawing_is_the_tree():
    real = {name: getattr(errors, name).__base__.__name__ for name in errors.__all__}
    assert drawn_tree() == real


@pytest.mark.parametrize("name", errors.__all__)
def test_every_fault_a_user_can_mend_is_a_histo_error(name):
    assert issubclass(getattr(errors, name), errors.HistoError)


def test_a_wrong_argument_is_not_a_fault_of_the_user():
    assert not issubclass(errors.HistoError, ValueError | TypeError)


def test_a_slide_error_carries_the_name_of_its_slide():
    fault = errors.SpacingError("slide.svs has no µm/px.", slide="slide.svs")
    assert (str(fault), fault.slide) == ("slide.svs has no µm/px.", "slide.svs")
    assert errors.SlideOpenError("no file").slide == ""
