"""Samples come from tissue, balanced, the same for a seed whatever makes them, knowing what is."""

import pickle
from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("albumentations")

import sample_fakes as fakes  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from histo.errors import ConfigError  # noqa: E402
from histo.slides.relit import Look  # noqa: E402
from histo.training.config import AugmentationConfig  # noqa: E402
from histo.training.manifests.manifest import read_manifest, write_manifest  # noqa: E402
from histo.training.samples.glass_exchange import on_glass  # noqa: E402
from histo.training.samples.slide_places import CELL_UM, survey  # noqa: E402
from histo.training.samples.slide_samples import SampleSettings, SlideSamples  # noqa: E402
from histo.vocabulary import Component  # noqa: E402

TUMOUR, COLLAGEN, MACROPHAGE = Component.TUMOUR, Component.COLLAGEN, Component.MACROPHAGE
COMPONENTS = (COLLAGEN, TUMOUR, MACROPHAGE)
TILE = 96


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return fakes.write_set(tmp_path_factory.mktemp("slides"))


@pytest.fixture(scope="module")
def make(manifest):
    """Make samples of the four slides with some settings."""

    def made(changes=None, components=COMPONENTS, **settings):
        given = SampleSettings(**{"um_per_px": 1.0, "tile_px": TILE, "count": 12, **settings})
        return SlideSamples(manifest, components, given, split="train", changes=changes)

    return made


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_sample_has_the_shapes_and_types_a_loop_expects(make):
    tile, target, weight = make()[3]
    assert (tile.shape, tile.dtype) == ((TILE, TILE, 3), torch.uint8)
    assert target.shape == weight.shape == (3, TILE, TILE)
    assert target.dtype == weight.dtype == torch.float32
    assert (target[weight == 0] == 0).all()


@pytest.mark.parametrize("changes", [None, AugmentationConfig(elastic_px=4.0)])
def test_labels_lie_where_the_slide_shows_what_they_label(tmp_path, changes):
    """Tumour annotated exactly on the tissue is where the tile is not glass, also when changed."""
    fakes.write_slide(tmp_path / "one.png", 1)
    rows, cols = fakes.TISSUE
    outline = fakes.shapely.box(cols.start, rows.start, cols.stop, rows.stop)
    around = fakes.shapely.box(0, 0, fakes.SIDE_PX, fakes.SIDE_PX)
    fakes.write_regions(tmp_path / "one.geojson", [("Stroma", around), ("Tumour", outline)])
    (tmp_path / "classes.yaml").write_text(fakes.CLASS_MAP)
    write_manifest(tmp_path / "set.csv", [fakes.row("one", "p")])
    if changes is not None:  # geometry only, so that glass can be told by its colour
        changes = changes.model_copy(
            update={"stain_gain": 0.0, "stain_vector": 0.0, "white_shift": 0.0, "blur_px": 0.0}
        )
    settings = SampleSettings(um_per_px=1.0, tile_px=TILE, count=24, absent_share=0.5)
    samples = SlideSamples(
        read_manifest(tmp_path / "set.csv"), (TUMOUR,), settings, changes=changes
    )
    mixed = 0
    for number in range(24):
        tile, target, weight = samples[number]
        shown = tile.float().mean(dim=2) < 215  # glass is 242, tissue 167
        known = weight[0] == 1
        agree = ((target[0] > 0.5) == shown)[known].float().mean()
        assert agree > 0.97
        mixed += int(0.1 < target[0].mean() < 0.9)
    assert mixed >= 3  # the check means something: borders were seen


def test_what_a_row_does_not_know_has_no_weight(make):
    samples = make(count=30)
    known_by_row = {0: {TUMOUR}, 1: {TUMOUR}, 2: {TUMOUR}, 3: {COLLAGEN, MACROPHAGE}}
    for number in range(30):
        _, _, weight = samples[number]
        knows = {c for c, plane in zip(COMPONENTS, weight, strict=True) if plane.any()}
        assert knows == known_by_row[samples.place(number).row]


def test_a_band_along_borders_is_unknown(make):
    samples = make(components=(TUMOUR,), count=200)
    for number in range(200):
        if samples.place(number).row == 0:
            _, target, weight = samples[number]
            known, present = weight[0] > 0, target[0] > 0
            absent = known & ~present
            beside = (present[:, 1:] & absent[:, :-1]) | (present[:, :-1] & absent[:, 1:])
            assert not beside.any()
            if absent.any() and present.any():
                return
    pytest.fail("no border was seen")


def test_components_and_patients_are_drawn_alike_whatever_their_area(make):
    count = 900
    samples = make(count=count, absent_share=0.0)
    rows = Counter(samples.place(number).row for number in range(count))
    tumour = rows[0] + rows[1] + rows[2]
    assert abs(tumour / count - 1 / 3) < 0.06  # collagen and macrophages are both of row 3
    assert abs(rows[2] / tumour - 1 / 2) < 0.1  # 0.0016 mm² of tumour against 0.67 mm²
    assert rows[0] > 0
    assert rows[1] > 0


def test_the_share_of_places_without_the_component_is_as_asked(make):
    samples = make(components=(TUMOUR,), count=300, absent_share=0.4, tile_px=32)
    area = survey(samples._rows.manifest)
    absent = 0
    for number in range(300):
        place = samples.place(number)
        cell = int(place.row_um // CELL_UM) * area[place.row].shape[1]
        cell += int(place.col_um // CELL_UM)
        absent += cell not in area[place.row].present[TUMOUR].index
    assert abs(absent / 300 - 0.4) < 0.09


def test_places_fall_on_tissue_though_annotations_reach_beyond_it(make):
    samples = make(count=300)
    rows, cols = fakes.TISSUE
    for number in range(300):
        place = samples.place(number)
        margin = CELL_UM  # a cell that is half tissue counts
        assert rows.start - margin <= place.row_um <= rows.stop + margin
        assert cols.start - margin <= place.col_um <= cols.stop + margin


def test_a_place_lies_in_the_middle_half_of_its_tile(make):
    """Of the only tumour cell of 'small', all tiles show some."""
    samples = make(components=(TUMOUR,), count=60, absent_share=0.0, tile_px=160)
    for number in range(30):
        if samples.place(number).row == 2:
            assert samples[number][1].any()


def test_a_number_alone_decides_and_epochs_differ(make):
    samples, again = make(AugmentationConfig()), make(AugmentationConfig())
    backwards = {number: samples[number] for number in reversed(range(6))}
    assert all(same(backwards[number], again[number]) for number in range(6))
    assert not any(same(samples[number], samples[number + 12]) for number in range(3))
    assert not same(make(AugmentationConfig(), seed=1)[0], samples[0])


def test_neither_workers_nor_their_number_change_a_sample(make):
    """Two processes started afresh give what this one gives, over two epochs."""
    samples = make(AugmentationConfig(), glass_share=0.5, hard_share=0.5, count=8)
    order = samples.sampler()
    loader = DataLoader(
        samples,
        batch_size=2,
        sampler=order,
        num_workers=2,
        multiprocessing_context="spawn",
        persistent_workers=True,
    )
    for epoch in range(2):
        order.set_epoch(epoch)
        if epoch == 1:  # workers that live on see the new list
            samples.hard.set([samples.place(n) for n in (1, 4)])
        for step, batch in enumerate(loader):
            expected = [samples[epoch * 8 + 2 * step + k] for k in range(2)]
            assert same(batch, [torch.stack(part) for part in zip(*expected, strict=True)])
    del loader


def test_resumed_equals_uninterrupted(make):
    samples = make(AugmentationConfig(), count=6)
    order, resumed = samples.sampler(), samples.sampler()
    order.set_epoch(1)
    resumed.resume(1, 4)
    rest = list(order)[4:]
    assert list(resumed) == rest
    fresh = make(AugmentationConfig(), count=6)
    assert all(same(samples[n], fresh[m]) for n, m in zip(rest, resumed, strict=True))


def test_hard_places_get_their_share_by_weight(make):
    samples = make(hard_share=0.5, count=400)
    before = [samples.place(number) for number in range(400)]
    hard = [before[0], before[1]]
    samples.hard.set(hard, np.array([3.0, 1.0]))
    after = Counter(samples.place(number) for number in range(400))
    assert abs((after[hard[0]] + after[hard[1]]) / 400 - 0.5) < 0.08
    assert abs(after[hard[0]] / (after[hard[0]] + after[hard[1]]) - 0.75) < 0.1
    samples.hard.set([])
    assert [samples.place(number) for number in range(400)] == before


def test_weights_of_hard_places_are_positive(make):
    samples = make()
    with pytest.raises(ValueError, match="a positive weight for each place"):
        samples.hard.set([samples.place(0)], np.array([0.0]))


def test_slides_open_late_are_few_and_stay_behind_in_a_pickle(make):
    samples = make(open_slides=2, count=40)
    assert len(samples._rows) == 0
    most = 0
    for number in range(40):
        samples[number]
        most = max(most, len(samples._rows))
    assert most == 2
    copy = pickle.loads(pickle.dumps(samples))
    assert len(copy._rows) == 0
    assert same(copy[5], samples[5])
    samples._rows.close()
    assert same(copy[7], samples[7])


def test_a_stretch_of_samples_needs_few_slides_and_all_come_up_in_time(make):
    """'wide', 'more' and 'small' have tumour; 'wide' and 'small' have known absence of it."""
    few = make(components=(TUMOUR,), count=40, stretch=10, open_slides=2)
    again = make(components=(TUMOUR,), count=40, stretch=10, open_slides=2)
    seen = [few.place(number).row for number in range(800)]
    stretches = [set(seen[start : start + 10]) for start in range(0, 800, 10)]
    assert max(map(len, stretches)) == 2
    assert set(seen) == {0, 1, 2}
    assert abs(seen.count(2) / 800 - 0.5) < 0.12  # the patient with little tumour
    assert [again.place(number).row for number in (35, 3, 799)] == [seen[35], seen[3], seen[799]]


def test_a_tile_larger_than_the_slide_knows_nothing_outside_it(make):
    tile, _, weight = make(tile_px=1200)[0]
    assert tile.shape == (1200, 1200, 3)
    assert not weight[:, :80].any()
    assert not weight[:, :, -80:].any()
    assert weight[:, 88:-88, 88:-88].any()


def test_glass_of_another_slide_changes_light_and_not_labels(make):
    plain = make(AugmentationConfig(), glass_share=0.0)
    other = make(AugmentationConfig(), glass_share=1.0)
    patches = other._patches
    assert patches.shape == (4, 128, 128, 3)
    assert np.abs(patches - np.array(fakes.GLASS, float)).max() < 6  # glass and nothing else
    assert plain.place(0) == other.place(0)
    assert not torch.equal(plain[0][0], other[0][0])
    tile, glass = np.full((300, 40, 3), 121, np.uint8), np.full(3, 242, np.uint8)
    lit = np.full((128, 128, 3), (242, 220, 200), np.uint8)
    assert (on_glass(tile, glass, lit) == (121, 110, 100)).all()
    assert (on_glass(tile, glass, lit[:1, :1]) == on_glass(tile, glass, lit)).all()


def test_ink_on_glass_is_no_glass(tmp_path):
    """A pen mark all over the lower glass leaves no place to take glass from."""
    fakes.write_slide(tmp_path / "one.png", 1)
    image = np.array(fakes.Image.open(tmp_path / "one.png"))
    image[900:, :] = (40, 70, 190)
    image[:140, :] = (40, 70, 190)
    image[:, :190] = image[:, -190:] = (40, 70, 190)
    fakes.Image.fromarray(image).save(tmp_path / "one.png")
    fakes.write_regions(
        tmp_path / "one.geojson", [("Tumour", fakes.shapely.box(300, 300, 600, 600))]
    )
    (tmp_path / "classes.yaml").write_text(fakes.CLASS_MAP)
    write_manifest(tmp_path / "set.csv", [fakes.row("one", "p")])
    (found,) = survey(read_manifest(tmp_path / "set.csv"))
    assert len(found.bare) == 0
    assert TUMOUR in found.present


def test_a_split_without_annotations_and_a_row_with_a_fault_are_told(manifest, tmp_path):
    settings = SampleSettings(um_per_px=1.0)
    with pytest.raises(ConfigError, match="the split test has no annotated row"):
        SlideSamples(manifest, COMPONENTS, settings, split="test")
    with pytest.raises(ConfigError, match="nothing is known on tissue of necrosis"):
        SlideSamples(manifest, (Component.NECROSIS,), settings)
    (tmp_path / "classes.yaml").write_text(fakes.CLASS_MAP)
    write_manifest(tmp_path / "set.csv", [fakes.row("gone", "p")])
    with pytest.raises(ConfigError, match=r"set\.csv row 2: gone\.png does not exist"):
        SlideSamples(read_manifest(tmp_path / "set.csv"), COMPONENTS, settings)


@pytest.mark.parametrize("wrong", [{"hard_share": 1.5}, {"tile_px": 0}, {"um_per_px": -1.0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SampleSettings(**{"um_per_px": 1.0, **wrong})


def test_tiles_are_seen_in_the_light_that_is_asked_for(make):
    plain, relit = make(), make(look=Look(glass_level=200))
    for number in range(4):
        (before, *labels), (after, *same_labels) = plain[number], relit[number]
        assert after.float().mean() < 0.9 * before.float().mean()
        assert same(labels, same_labels)
