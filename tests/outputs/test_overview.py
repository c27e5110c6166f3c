"""overview.png shows the slide, what was found, and how large it is."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from histo.geometry import Spacing
from histo.outputs import SlideDescription, overview_um_per_px, write_overview
from histo.outputs.coverage import Frame, component_coverage, mask_coverage
from histo.outputs.drawing import length_label, round_length_um, text_width, wrapped
from histo.outputs.overview import draw_overview
from histo.outputs.overview_text import legend_entries, page_text
from histo.scoring import Score
from histo.vocabulary import RESEARCH_USE


def test_it_is_a_picture_of_about_1600_pixels_without_a_name(results, tmp_path) -> None:
    write_overview(tmp_path / "overview.png", results)
    with Image.open(tmp_path / "overview.png") as picture:
        assert picture.format == "PNG"
        assert picture.info == {}
        assert 1200 <= max(picture.size) <= 1700


@pytest.mark.parametrize("canvas", [(40, 40), (30, 2000), (2000, 30), (600, 800)])
def test_any_shape_of_slide_fits_a_page(make, canvas) -> None:
    width, height = draw_overview(make(canvas)).size
    assert 900 <= width <= 1664
    assert 300 <= height <= 1900


def test_a_slide_without_components_is_drawn_too(make) -> None:
    results = make(components=False)
    assert page_text(results)[0][1] == "Tissue only: no component was measured"
    assert draw_overview(results).size[0] > 900


def test_component_colours_are_on_one_panel_only(results) -> None:
    picture = np.asarray(draw_overview(results)).astype(int)
    assert picture.shape[1] > picture.shape[0]  # the panels lie side by side
    green = (picture[..., 1] - picture[..., 0] > 40) & (picture[..., 1] > picture[..., 2])
    rows, cols = np.nonzero(green)
    in_panels = (rows > 250) & (rows < 650)
    assert in_panels.sum() > 1000
    assert cols[in_panels].min() > picture.shape[1] / 2


def test_the_words_give_the_main_numbers_and_the_warnings(results) -> None:
    words = page_text(results)
    assert words[0][0] == "title"
    assert words[0][1].startswith("Collagen ")
    assert ("text", RESEARCH_USE) in words
    assert all(results.slide.fingerprint not in text for _, text in words)
    assert [text for kind, text in words if kind == "warning"] == [
        f"Warning: {warning.message}" for warning in results.warnings
    ]


def test_a_withheld_headline_shows_no_number(results) -> None:
    warning = replace(results.warnings[0], withholds_headline=True)
    assert page_text(replace(results, warnings=[warning]))[0] == ("title", "No headline value")


def test_the_headline_counts_macrophages_and_the_legend_draws_no_centres(results) -> None:
    found = replace(results.component_map, components=("macrophage", "cell"))
    density = Score("tam_density_tissue_per_mm2", 123.4, "/mm2", "n", "d")
    area = Score("macrophage_fraction_of_tissue", 0.02, "1", "n", "d")
    given = replace(
        results,
        component_map=found,
        thresholds={"macrophage": 0.5, "cell": 0.5},
        scores=[area, density],
    )
    title = page_text(given)[0][1]
    assert title == "Macrophage 2.0 % of measurable tissue, 123 macrophages per mm²"
    assert not [entry for entry in legend_entries(given) if entry.label.startswith("cell")]


def test_the_legend_names_what_is_there_and_what_was_not_measured(results) -> None:
    labels = [entry.label for entry in legend_entries(results)]
    assert [label.split(" (")[0] for label in labels[:4]] == [
        *("tissue", "collagen, probability from 0.5", "tumour, probability from 0.5"),
        "excluded: pen",
    ]
    assert labels[4] == "not measured: myofibroblast, macrophage, muscle, necrosis"


def test_a_thumbnail_is_asked_for_at_panel_size_but_never_finer_than_the_slide() -> None:
    large = SlideDescription("f", (80_000, 100_000), Spacing(0.25, 0.25))
    assert 100_000 * 0.25 / overview_um_per_px(large) == pytest.approx(760, abs=20)
    tiny = SlideDescription("f", (300, 400), Spacing(0.25, 0.25))
    assert overview_um_per_px(tiny) == 0.25


@pytest.mark.parametrize(
    ("limit", "length", "label"),
    [(730, 500, "500 µm"), (1000, 1000, "1 mm"), (2.5, 2, "2 µm"), (49_000, 20_000, "20 mm")],
)
def test_scale_bars_have_round_lengths(limit, length, label) -> None:
    assert round_length_um(limit) == length
    assert length_label(length) == label


def test_text_is_broken_between_words_and_never_lost() -> None:
    text = "only 0.25 mm² of tissue at 0.5 µm/px is measurable " * 4
    lines = wrapped(text, 20, 300)
    assert " ".join(lines).split() == text.split()
    assert all(text_width(line, 20) <= 300 for line in lines)


@pytest.mark.parametrize(("height", "width"), [(150, 200), (37, 61), (600, 800), (1200, 1900)])
def test_coverage_keeps_the_area_in_any_frame(results, height, width) -> None:
    found = results.component_map
    frame = Frame((height, width), Spacing(1200 / height, 1600 / width))
    covered = component_coverage(found, 0, 0.5, results.tissue_map, frame)
    assert covered.shape == (height, width)
    assert 0 <= covered.min() <= covered.max() <= 1
    (score,) = [s for s in results.scores if s.name == "collagen_mm2"]
    assert frame.spacing.area_mm2(covered.sum()) == pytest.approx(score.value, rel=0.03)


def test_a_full_mask_is_full_in_every_frame() -> None:
    for shape in ((3, 5), (7, 9), (20, 30)):
        spacing = Spacing(14 / shape[0], 18 / shape[1])
        covered = mask_coverage(np.ones((7, 9), bool), Spacing(2.0, 2.0), Frame(shape, spacing))
        assert (covered == 1).all()
