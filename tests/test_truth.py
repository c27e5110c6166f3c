"""The whole way on phantom slides, against known truth; the shipped bundle on a drawn slide."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from histo.config import InferenceSettings
from histo.geometry import Box, Spacing
from histo.inference import ComponentMap, FlowSettings, Target, TileSettings, plan_tiles, segment
from histo.nn import load_bundle, load_predictor
from histo.pipeline import survey_slide
from histo.scoring import area_scores, by_name
from histo.slides import ArraySlide, Slide, native_spacing, open_slide
from histo.slides.phantom import Phantom, PhantomSpec, write_phantom

SPEC = PhantomSpec(seed=3, width_mm=2.4, height_mm=2.0)


@pytest.fixture(scope="module")
def phantom_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phantom") / "phantom.tif"
    write_phantom(path, SPEC)
    return path


class FromRed:
    """A perfect predictor: the truth slide holds it in its red channel."""

    outputs = ("collagen",)
    stride = 16
    name = "truth"

    def __init__(self, reduction: int) -> None:
        self.reduction = reduction

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        count, height, width = tiles.shape[:3]
        k = self.reduction
        red = tiles[..., 0].reshape(count, height // k, k, width // k, k)
        return (red.mean(axis=(2, 4), dtype=np.float32) / 255)[:, None]


def _map(slide: Slide, target: Target, predict: object, um_per_px: float, **tiles: int):
    grid = native_spacing(slide, um_per_px)
    plan = plan_tiles(
        slide.frame_shape(grid),
        grid,
        target,
        TileSettings(**tiles),
        reduction=predict.reduction,
        stride_px=predict.stride,
    )
    return segment(slide, plan, predict, FlowSettings(batch=2))


# Odd reductions: of an even number of pixels exactly half may be collagen, and a mask that is
# either 0 or 1 would then count every tie as collagen.
@pytest.mark.parametrize("reduction", [1, 5])
def test_a_perfect_predictor_scores_the_truth_within_one_percent(
    phantom_file: Path, reduction: int
) -> None:
    phantom = Phantom(SPEC)
    with open_slide(phantom_file) as slide:
        tissue = survey_slide(slide).tissue
        spacing = slide.spacing
    drawn = phantom.render_truth(Box(0, 0, *phantom.shape))
    answers = ArraySlide(drawn, Spacing(*spacing.pair))
    target = Target(tissue.measurable, tissue.spacing)
    sizes = {"tile_px": 640, "context_px": 32, "blend_px": 32}
    found = _map(answers, target, FromRed(reduction), 0.5, **sizes)
    scores = by_name(area_scores(tissue, found, {"collagen": 0.5}))
    truth = phantom.truth
    assert scores["tissue_mm2"].value == pytest.approx(truth.tissue_mm2, rel=0.01)
    assert scores["collagen_mm2"].value == pytest.approx(truth.collagen_mm2, rel=0.01)
    share = truth.collagen_mm2 / truth.tissue_mm2
    assert scores["collagen_fraction_of_tissue"].value == pytest.approx(share, rel=0.01)


@pytest.fixture(scope="module")
def shipped_maps(phantom_file: Path) -> list[ComponentMap]:
    """The shipped bundle over one slide, with tiles of three sizes and two readers."""
    bundle = load_bundle("he-collagen")
    settings = InferenceSettings(device="cpu", precision="f32")
    card = bundle.card
    maps = []
    for tile_px, reader in ((256, "auto"), (512, "auto"), (1024, "auto"), (1024, "openslide")):
        with open_slide(phantom_file, reader=reader) as slide:
            tissue = survey_slide(slide).tissue
            target = Target(tissue.measurable, tissue.spacing)
            predict = load_predictor(bundle, settings)
            sizes = {"context_px": card.context_px, "blend_px": card.blend_px}
            found = _map(slide, target, predict, card.um_per_px, tile_px=tile_px, **sizes)
            height, width = found.shape
            margin = card.context_px
            inside = np.zeros(found.shape, bool)
            inside[margin : height - margin, margin : width - margin] = True
            looked = found.evaluated() & inside & _on_canvas(tissue, found)
            maps.append((found.probability[0].astype(int), looked))
    return maps


def _on_canvas(tissue: object, found: ComponentMap) -> NDArray[np.bool_]:
    height, width = found.shape
    rows = np.minimum(
        ((np.arange(height) + 0.5) * found.spacing.row / tissue.spacing.row).astype(int),
        tissue.tissue.shape[0] - 1,
    )
    cols = np.minimum(
        ((np.arange(width) + 0.5) * found.spacing.col / tissue.spacing.col).astype(int),
        tissue.tissue.shape[1] - 1,
    )
    return tissue.measurable[rows][:, cols]


def test_the_shipped_bundle_gives_one_answer_for_every_tile_size_and_reader(shipped_maps) -> None:
    for (one, looked), (other, also) in pairwise(shipped_maps):
        both = looked & also
        assert both.sum() > 100_000
        assert np.abs(one - other)[both].max() <= 2


def test_the_shipped_bundle_is_sensible_on_a_drawn_slide(phantom_file: Path) -> None:
    bundle = load_bundle("he-collagen")
    phantom = Phantom(SPEC)
    with open_slide(phantom_file) as slide:
        tissue = survey_slide(slide).tissue
        target = Target(tissue.measurable, tissue.spacing)
        predict = load_predictor(bundle, InferenceSettings(device="cpu"))
        found = _map(slide, target, predict, bundle.card.um_per_px)
    scores = by_name(area_scores(tissue, found, {"collagen": bundle.card.thresholds["collagen"]}))
    share = phantom.truth.collagen_mm2 / phantom.truth.tissue_mm2
    assert scores["collagen_fraction_of_tissue"].value == pytest.approx(share, rel=0.35)
    whole = phantom.render_truth(Box(0, 0, *phantom.shape))[::4, ::4]
    values = found.probability[0][: whole.shape[0], : whole.shape[1]]
    collagen, tumour = values[whole[..., 0] > 0], values[whole[..., 1] > 0]
    assert np.median(collagen) > 2 * np.median(tumour)
