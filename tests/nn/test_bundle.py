"""A bundle is used only if every file is the one its card was written for."""

import numpy as np
import pytest
from nn_fakes import write_card

from histo.errors import BundleError
from histo.nn.bundle import CARD, GRAPH, REFERENCE, WEIGHTS, load_bundle
from histo.nn.readme import bundle_readme
from histo.provenance import file_sha256
from histo.vocabulary import RESEARCH_USE


def test_a_sound_bundle_hands_out_its_files(paper_bundle):
    bundle = load_bundle(paper_bundle)
    for name in (WEIGHTS, GRAPH, REFERENCE):
        assert bundle.file(name) == paper_bundle / name


def test_the_digest_of_the_weights_is_the_identity(paper_bundle):
    assert load_bundle(paper_bundle).sha256 == file_sha256(paper_bundle / WEIGHTS)


def test_an_altered_file_is_refused(paper_bundle):
    (paper_bundle / GRAPH).write_bytes(b"something else")
    with pytest.raises(BundleError) as caught:
        load_bundle(paper_bundle).file(GRAPH)
    assert str(caught.value) == (
        "graph.onnx of bundle tiny is not the file its card was written for "
        "(SHA-256 differs); copy the whole folder again."
    )


def test_a_missing_file_is_refused(paper_bundle):
    (paper_bundle / WEIGHTS).unlink()
    with pytest.raises(BundleError) as caught:
        load_bundle(paper_bundle).file(WEIGHTS)
    assert str(caught.value) == (
        "bundle tiny lacks weights.safetensors; copy the whole folder again."
    )


def test_a_file_without_a_digest_is_refused(paper_bundle):
    write_card(paper_bundle)
    bundle = load_bundle(paper_bundle)
    sentence = "the card of bundle tiny has no SHA-256 for weights.safetensors."
    with pytest.raises(BundleError) as caught:
        bundle.file(WEIGHTS)
    assert str(caught.value) == sentence
    with pytest.raises(BundleError) as caught:
        _ = bundle.sha256
    assert str(caught.value) == sentence


def test_no_such_bundle_is_one_sentence(tmp_path):
    with pytest.raises(BundleError, match=r"^no bundle 'nothing': expected a folder with a card"):
        load_bundle(tmp_path / "nothing")


def test_a_bundle_of_a_later_format_says_so(card):
    values = {**card.model_dump(mode="json"), "format_version": 2, "what_is_new": 1}
    with pytest.raises(
        BundleError, match=r"card\.yaml: the bundle has format 2, this histo reads 1"
    ):
        type(card).parse(values, "card.yaml", error=BundleError)


def test_the_folder_may_have_any_name(paper_bundle):
    moved = paper_bundle.rename(paper_bundle.with_name("mein Bündel 🔬"))
    assert load_bundle(str(moved)).file(GRAPH).parent == moved


def test_loading_reads_the_card_only(paper_bundle):
    """`histo models list` must not fail, or take long, because a large file is damaged."""
    for name in (WEIGHTS, GRAPH, REFERENCE):
        (paper_bundle / name).unlink()
    assert load_bundle(paper_bundle).card.name == "tiny"


def test_the_reference_comes_back_as_pixels_and_probabilities(made_bundle):
    pixels, chance = made_bundle.reference()
    assert (pixels.dtype, pixels.shape) == (np.uint8, (1, 64, 96, 3))
    assert (chance.dtype, chance.shape) == (np.float32, (1, 2, 64, 96))
    assert 0 <= chance.min() < 0.3
    assert 0.7 < chance.max() <= 1, "a flat reference would check nothing"


def test_a_changed_reference_is_refused(own_bundle):
    (own_bundle.folder / REFERENCE).write_bytes(b"")
    with pytest.raises(BundleError, match=r"^reference\.safetensors of bundle tiny is not"):
        own_bundle.reference()


def test_the_readme_says_what_the_card_says(card):
    page = bundle_readme(card)
    for text in (card.summary, card.licence, "CC0-1.0", *card.failure_modes, RESEARCH_USE):
        assert text in page
    assert "Not measured." in page


def test_the_readme_sets_each_figure_beside_its_simple_rule(card):
    metric = {"name": "AUROC", "component": "collagen", "split": "held out", "value": 0.8512}
    values = {**card.model_dump(), "metrics": [{**metric, "baseline": 0.75}, metric]}
    page = bundle_readme(type(card).model_validate(values))
    assert "| AUROC | collagen | held out | 0.851 | 0.750 |" in page
    assert "| AUROC | collagen | held out | 0.851 |  |" in page


def test_a_bundle_has_a_card_a_readme_and_three_files(made_bundle):
    assert {file.name for file in made_bundle.folder.iterdir()} == {
        CARD,
        GRAPH,
        REFERENCE,
        WEIGHTS,
        "README.md",
    }
