"""A card says everything, or loading it says what is wrong."""

import numpy as np
import pytest
import yaml
from nn_fakes import card_values, write_card

from histo.errors import BundleError
from histo.nn.bundle import load_bundle
from histo.nn.card import Card, NetworkSpec
from histo.vocabulary import Component


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"tile": 512}, "card.yaml: tile: is not a known key; check its spelling."),
        ({"thresholds": None}, "card.yaml: thresholds: is missing."),
        ({"thresholds": {"collagen": 0.5}}, "thresholds must name exactly the components."),
        ({"thresholds": {"collagen": 0.5, "tumour": 1.2}}, "thresholds must lie between 0 and 1."),
        ({"thresholds": {"collagen": 0.0, "tumour": 0.5}}, "thresholds must lie between 0 and 1."),
        (
            {"thresholds": {"collagen": float("nan"), "tumour": 0.5}},
            "thresholds must lie between 0 and 1.",
        ),
        ({"components": ["fat"]}, "card.yaml: components.0: Input should be 'tumour'"),
        ({"um_per_px": 0}, "card.yaml: um_per_px: Input should be greater than 0.05."),
        ({"um_per_px": float("nan")}, "card.yaml: um_per_px: "),
        ({"stains": []}, "card.yaml: stains: "),
        ({"failure_modes": []}, "card.yaml: failure_modes: "),
        ({"data": [{"name": "noise"}]}, "card.yaml: data.0.source: is missing (2 more faults)."),
        ({"network": {"nam": "Unet"}}, "card.yaml: network.nam: is not a known key"),
    ],
)
def test_a_fault_is_one_sentence_with_file_and_key(tmp_path, changes, sentence):
    write_card(tmp_path, **changes)
    with pytest.raises(BundleError) as caught:
        load_bundle(tmp_path)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("card.yaml: ")
    assert "\n" not in str(caught.value)


def test_a_card_of_no_yaml_is_one_sentence(tmp_path):
    (tmp_path / "card.yaml").write_text("name: [tiny", encoding="utf-8")
    with pytest.raises(BundleError, match=r"^card\.yaml is not valid YAML"):
        load_bundle(tmp_path)


def test_a_card_comes_back_from_yaml_as_it_was(tmp_path, card):
    text = yaml.safe_dump(card.model_dump(mode="json"), allow_unicode=True)
    (tmp_path / "card.yaml").write_text(text, encoding="utf-8")
    assert Card.from_yaml(tmp_path / "card.yaml") == card


def test_components_keep_their_order():
    """Channel c of every map is component c of the card."""
    values = card_values()
    values["components"] = values["components"][::-1]
    card = Card.model_validate(values)
    assert card.components == [Component.TUMOUR, Component.COLLAGEN]


@pytest.mark.parametrize(("depth", "stride"), [(1, 2), (3, 8), (5, 32)])
def test_the_stride_follows_from_the_depth(depth, stride):
    assert NetworkSpec(arguments={"encoder_depth": depth}).stride_px == stride


def test_the_default_depth_is_that_of_the_library():
    assert NetworkSpec().stride_px == 32


def test_pixels_enter_between_minus_one_and_one():
    spec = NetworkSpec()
    ends = (np.array([0, 255]) - spec.mean[0]) / spec.std[0]
    assert ends.tolist() == [-1, 1]
