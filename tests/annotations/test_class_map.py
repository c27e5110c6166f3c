"""Class maps: names, expressions, numbers and colours; what they mean; faults in a sentence."""

import pytest

from histo.annotations import ClassMap
from histo.errors import AnnotationError, ConfigError
from histo.vocabulary import Component

YAML = """
classes:
  Tumour: tumour
  /immune.*/: ignore
  Immune edge: background
  Field: {to: background, priority: -10}
  3: [collagen, myofibroblast]
  "#FF0000": {to: necrosis}
border_um: 2
"""


@pytest.fixture
def class_map(tmp_path) -> ClassMap:
    file = tmp_path / "classes.yaml"
    file.write_text(YAML, encoding="utf-8")
    return ClassMap.from_yaml(file)


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("Tumour", ("tumour",)),
        ("  tumour ", ("tumour",)),
        ("immune cells", "ignore"),
        ("immune edge", "background"),  # a name counts before an expression
        ("3", ("collagen", "myofibroblast")),
        ("#ff0000", ("necrosis",)),
        ("Tumour: Positive", ("tumour",)),
        ("Tumour: Positive: Strong", ("tumour",)),
    ],
)
def test_a_class_is_found_by_name_expression_number_colour_or_outer_class(class_map, name, to):
    assert class_map.rule(name).to == to


@pytest.mark.parametrize("name", ["tumor", "not immune", "", "4", "Edge: Tumour"])
def test_a_class_the_map_does_not_name_has_no_rule(class_map, name):
    assert class_map.rule(name) is None


def test_the_components_are_those_of_the_rules_in_the_order_of_the_vocabulary(class_map):
    named = {"tumour", "collagen", "myofibroblast", "necrosis"}
    assert class_map.components == tuple(c for c in Component if c in named)
    assert class_map.rule("Field").priority == -10


def test_a_narrower_map_knows_fewer_components_but_keeps_its_classes(class_map):
    narrow = class_map.knowing((Component.TUMOUR, Component.MUSCLE))
    assert narrow.components == (Component.TUMOUR,)
    assert narrow.rule("3").to == ("collagen", "myofibroblast")
    with pytest.raises(AnnotationError, match="no known component"):
        class_map.knowing((Component.MUSCLE,))


def test_unnamed_classes_are_all_told(class_map):
    class_map.require(("Tumour", "immune x"), "a.xml")
    with pytest.raises(AnnotationError, match=r"a\.xml has the class 'b', 'c', which"):
        class_map.require(("Tumour", "b", "c"), "a.xml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("classes: {}", "classes"),
        ("classes: {T: tumor}", "classes.T.to"),
        ("classes: {T: background}", "no class leads to a component"),
        ("classes: {T: tumour, '/(/': ignore}", "no regular expression"),
        ("classes: {T: tumour}\noutside: nothing", "outside"),
        ("classes: {T: tumour}\nborder_um: -1", "border_um"),
        ("classes: {T: tumour}\nboarder_um: 1", "boarder_um: is not a known key"),
        ("classes: [T]", "classes"),
    ],
)
def test_every_fault_of_a_map_names_its_key(tmp_path, text, told):
    file = tmp_path / "classes.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"classes\.yaml") as caught:
        ClassMap.from_yaml(file)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
