"""Labels by box: order of painting, holes, bands, points and label images, at any spacing."""

import pickle
import zlib

import numpy as np
import pytest
import shapely
import tifffile
from PIL import Image

from histo.annotations import (
    Annotation,
    ClassMap,
    label_planes,
    open_labels,
    polygons_from_mask,
    read_annotations,
    read_regions,
    write_geojson,
)
from histo.errors import AnnotationError
from histo.geometry import Box, Spacing

ONE = Spacing(1.0, 1.0)
FRAME = Box(0, 0, 40, 40)
TWO = ClassMap(classes={"T": "tumour", "N": "necrosis", "B": "background", "I": "ignore"})


def square(name: str, low: float, high: float) -> Annotation:
    return Annotation(name, shapely.box(low, low, high, high))


def paint(annotations, class_map=TWO, box=FRAME, spacing=ONE):
    planes = label_planes(annotations, class_map, ONE, box, spacing)
    assert not (planes.present & ~planes.known).any()
    return planes


def test_a_component_is_present_and_rules_out_the_other_and_elsewhere_nothing_is_known():
    planes = paint([square("T", 10, 20)])
    assert planes.components == ("tumour", "necrosis")
    assert planes.present.sum(axis=(1, 2)).tolist() == [100, 0]
    assert planes.known.sum(axis=(1, 2)).tolist() == [100, 100]


def test_components_that_may_coincide_leave_each_other_alone():
    both = TWO.model_copy(update={"exclusive": False, "outside": "background"})
    planes = paint([square("T", 0, 20), square("N", 10, 30)], both)
    assert planes.present.sum(axis=(1, 2)).tolist() == [400, 400]
    assert planes.known.all()


@pytest.mark.parametrize("turned", [False, True])
def test_of_equals_the_smaller_counts_whatever_the_order_in_the_file(turned):
    drawn = [square("T", 0, 30), square("N", 10, 20), square("I", 12, 14)]
    planes = paint(drawn[::-1] if turned else drawn)
    assert planes.present.sum(axis=(1, 2)).tolist() == [900 - 100, 100 - 4]
    assert planes.known.sum(axis=(1, 2)).tolist() == [896, 896]


def test_a_higher_priority_counts_before_size_and_a_field_lies_below_all():
    rules = {"T": {"to": "tumour", "priority": 1}, "N": "necrosis"}
    field = {"F": {"to": "background", "priority": -1}}
    class_map = ClassMap(classes={**rules, **field})
    planes = paint([square("T", 0, 30), square("N", 10, 20), square("F", 5, 10)], class_map)
    assert planes.present.sum(axis=(1, 2)).tolist() == [900, 0]
    assert paint([square("F", 5, 10)], class_map).known.sum() == 2 * 25


def test_of_equal_areas_the_later_counts():
    assert paint([square("T", 0, 10), square("N", 0, 10)]).present.sum(axis=(1, 2)).tolist() == [
        0,
        100,
    ]


def test_a_hole_shows_what_lies_below():
    ring = Annotation("T", shapely.box(0, 0, 30, 30) - shapely.box(10, 10, 20, 20))
    assert paint([ring]).known[0].sum() == 800
    assert paint([square("B", 0, 40), ring]).known.all()
    assert paint([square("B", 0, 40), ring]).present[0].sum() == 800


def test_a_band_along_borders_is_unknown_and_the_rest_is_kept():
    band = TWO.model_copy(update={"border_um": 3.0})
    drawn = [square("B", -99, 99), square("T", 10, 30)]
    planes = paint(drawn, band)
    assert planes.present[0].sum() == 14 * 14
    rows, cols = np.nonzero(planes.present[0])
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (13, 26, 13, 26)
    unknown = 20 * 20 - 14 * 14 + 4 * 20 * 3 + 4 * 6  # outside, corners are round: 6 px each
    assert (~planes.known[0]).sum() == pytest.approx(unknown, abs=8)
    assert planes.known[1].all()  # necrosis is absent on both sides: no border


def test_the_width_of_a_band_is_in_um_whatever_the_spacing():
    band = TWO.model_copy(update={"border_um": 4.0})
    drawn = [square("B", -999, 999), square("T", 10, 70)]
    for um_per_px in (0.5, 1.0, 2.0):
        spacing, side = Spacing(um_per_px, um_per_px), int(80 / um_per_px)
        planes = paint(drawn, band, Box(0, 0, side, side), spacing)
        assert planes.present[0].sum() * um_per_px**2 == 52 * 52


def test_a_map_without_border_keeps_a_full_box():
    planes = paint([square("T", -99, 99)], TWO.model_copy(update={"border_um": 5.0}))
    assert planes.present[0].all()
    assert planes.known.all()


def test_a_point_is_a_disc_of_the_cells_size():
    cell = ClassMap(classes={"M": "macrophage"}, point_radius_um=6.0, outside="background")
    planes = paint([Annotation("M", shapely.Point(20.3, 19.6))], cell)
    assert planes.present[0].sum() == pytest.approx(np.pi * 36, rel=0.05)


def blobs(seed: int, count: int = 30, size: float = 80) -> list[Annotation]:
    rng = np.random.default_rng(seed)
    return [
        Annotation(
            str(rng.choice(["T", "N", "B", "I"])),
            shapely.Point(rng.uniform(0, size, 2)).buffer(rng.uniform(2, 15)),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("border_um", [0.0, 2.5])
def test_a_pixel_has_the_same_label_whichever_box_it_is_read_in(border_um):
    class_map = TWO.model_copy(update={"border_um": border_um})
    spacing = Spacing(0.8, 1.1)
    whole = paint(blobs(1), class_map, Box(0, 0, 90, 70), spacing)
    part = paint(blobs(1), class_map, Box(13, 21, 40, 30), spacing)
    assert np.array_equal(part.present, whole.present[:, 13:53, 21:51])
    assert np.array_equal(part.known, whole.known[:, 13:53, 21:51])


def test_a_quarter_turn_of_the_drawing_turns_the_labels():
    turned = [
        Annotation(a.name, shapely.transform(a.geometry, lambda xy: np.c_[80 - xy[:, 1], xy[:, 0]]))
        for a in blobs(2)
    ]
    box = Box(0, 0, 80, 80)
    assert np.array_equal(
        paint(turned, box=box).present, np.rot90(paint(blobs(2), box=box).present, -1, (1, 2))
    )


def test_what_is_written_is_read_back_digit_for_digit(tmp_path):
    drawn = [*blobs(3), Annotation("", shapely.Point(0.1, 2 / 3))]
    hole = shapely.box(0, 0, 9, 9) - shapely.box(1, 1, 2, 2)
    drawn.append(Annotation("µ “T”: in", shapely.MultiPolygon([hole, shapely.box(20, 20, 21, 21)])))
    file = tmp_path / "out.geojson"
    write_geojson(file, drawn)
    again = read_annotations(file)
    assert [a.name for a in again] == [a.name for a in drawn]
    assert all(a.geometry == b.geometry for a, b in zip(again, drawn, strict=True))
    assert (again.repaired, again.skipped) == (0, 0)


def test_regions_of_interest_may_be_of_any_kind_and_points_are_left_out(tmp_path):
    file = tmp_path / "roi"
    write_geojson(file, [Annotation("p", shapely.Point(1, 1)), square("T", 0, 5)])
    assert [region.name for region in read_regions(file, (3, 4))] == ["T"]
    write_geojson(file, [Annotation("p", shapely.Point(1, 1))])
    with pytest.raises(AnnotationError, match="has no polygon"):
        read_regions(file)


# --- label images -------------------------------------------------------------------------------

VALUES = ClassMap(classes={1: "tumour", 2: "necrosis", 7: "background", 9: "ignore"})


def classes(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Return random patches of 8 px, of the values 0, 1, 2, 7 and 9."""
    small = np.random.default_rng(seed).choice([0, 1, 2, 7, 9], (shape[0] // 8, shape[1] // 8))
    return np.kron(small, np.ones((8, 8))).astype(np.uint8)


def write_pyramid(path, values, **options) -> None:
    with tifffile.TiffWriter(path) as tiff:
        for step in (1, 2, 4):
            later = {"subfiletype": 1} if step > 1 else {}
            tiff.write(values[::step, ::step], tile=(32, 32), **later, **options)


def write_sizeless(path) -> None:
    """Write a TIFF whose tiles are said to be 0 px wide."""
    tifffile.imwrite(path, np.zeros((32, 32), np.uint8), tile=(16, 16))
    with tifffile.TiffFile(path) as tiff:
        at = tiff.pages[0].tags["TileWidth"].valueoffset
    content = bytearray(path.read_bytes())
    content[at : at + 2] = b"\0\0"
    path.write_bytes(content)


def expected(values):
    present = np.stack([values == 1, values == 2])
    known = np.isin(values, [1, 2, 7])
    return present, np.stack([known, known])


@pytest.mark.parametrize(
    "kind", ["png", "palette", "tiled", "lzw", "strips", "uint16", "raw", "raw-strips"]
)
def test_a_label_image_of_any_kind_gives_its_classes(tmp_path, kind):
    values = classes(0, (64, 96))
    file = tmp_path / "mask"
    if kind == "png":
        Image.fromarray(values).save(file, "PNG")
    elif kind == "palette":
        image = Image.frombytes("P", values.shape[::-1], values.tobytes())
        image.putpalette(list(range(256)) * 3)
        image.save(file, "PNG")
    elif kind == "strips":
        tifffile.imwrite(file, values, rowsperstrip=10, compression="zlib")
    elif kind.startswith("raw"):
        tifffile.imwrite(file, values, rowsperstrip=10 if kind == "raw-strips" else None)
    else:
        stored = values.astype(np.uint16) if kind == "uint16" else values
        write_pyramid(file, stored, compression="lzw" if kind == "lzw" else None)
    labels = pickle.loads(pickle.dumps(open_labels(file, VALUES, (64, 96), ONE)))
    planes = labels.planes(Box(-8, 20, 80, 50), ONE)
    present, known = expected(np.pad(values, ((8, 8), (0, 0)))[:, 20:70])
    assert np.array_equal(planes.present, present)
    assert np.array_equal(planes.known, known)


def test_a_mask_of_another_resolution_covers_the_slides_extent(tmp_path):
    values = classes(1, (64, 64))
    write_pyramid(tmp_path / "mask.tif", values)
    slide_px, slide = (256, 256), Spacing(0.25, 0.25)  # the mask has 1 µm/px
    labels = open_labels(tmp_path / "mask.tif", VALUES, slide_px, slide)
    for um_per_px, seen in ((1.0, values), (4.0, values[2::4, 2::4]), (2.0, values[1::2, 1::2])):
        side = round(64 / um_per_px)
        planes = labels.planes(Box(0, 0, side, side), Spacing(um_per_px, um_per_px))
        assert np.array_equal(planes.present, expected(seen)[0]), um_per_px
    fine = labels.planes(Box(0, 0, 128, 128), Spacing(0.5, 0.5))
    assert np.array_equal(fine.present[0], np.kron(values == 1, np.ones((2, 2), bool)))


def test_a_gap_in_a_sparse_pyramid_is_outside(tmp_path):
    values = np.ones((64, 64), np.uint8)
    tiles = iter([values[:32, :32], None, None, values[:32, :32]])
    file = tmp_path / "sparse.tif"
    tifffile.imwrite(file, tiles, shape=(64, 64), dtype=np.uint8, tile=(32, 32))
    planes = open_labels(file, VALUES, (64, 64), ONE).planes(Box(0, 0, 64, 64), ONE)
    assert planes.present[0].sum() == planes.known[0].sum() == 2 * 32 * 32


def test_outlines_of_a_label_image_say_the_same_as_its_pixels(tmp_path):
    values = classes(2, (48, 64))
    file = tmp_path / "mask.png"
    Image.fromarray(values).save(file)
    found = read_annotations(file, VALUES)
    assert {a.name for a in found} == {"1", "2", "7", "9"}
    box = Box(0, 0, 48, 64)
    drawn = label_planes(found.items, VALUES, ONE, box, ONE)
    looked_up = open_labels(file, VALUES, (48, 64), ONE).planes(box, ONE)
    assert np.array_equal(drawn.present, looked_up.present)
    assert np.array_equal(drawn.known, looked_up.known)
    doubled = read_annotations(file, VALUES, slide_shape=(96, 128))
    assert sum(a.geometry.area for a in doubled) == 4 * sum(a.geometry.area for a in found)


def test_colours_are_classes(tmp_path):
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[:10] = (255, 0, 0)
    rgb[10:] = (0, 255, 0)
    class_map = ClassMap(classes={"#ff0000": "tumour", "#00FF00": "background"})
    Image.fromarray(rgb).save(tmp_path / "mask.png")
    tifffile.imwrite(tmp_path / "mask.tif", rgb, tile=(16, 16), photometric="rgb")
    for name in ("mask.png", "mask.tif"):
        planes = open_labels(tmp_path / name, class_map, (20, 20), ONE).planes(
            Box(0, 0, 20, 20), ONE
        )
        assert planes.present[0, :10].all()
        assert not planes.present[0, 10:].any()
        assert planes.known.all()


def test_a_mask_and_a_drawing_of_the_same_shape_agree_at_any_spacing(tmp_path):
    mask = np.zeros((200, 200), np.uint8)
    rows, cols = np.mgrid[:200, :200] + 0.5
    mask[(rows - 90) ** 2 + (cols - 110) ** 2 < 60**2] = 1
    Image.fromarray(mask).save(tmp_path / "mask.png")
    write_geojson(tmp_path / "drawn", [Annotation("1", polygons_from_mask(mask == 1))])
    for um_per_px in (0.7, 1.0, 3.0):
        box, spacing = Box(3, 5, 60, 50), Spacing(um_per_px, um_per_px)
        one, other = (
            open_labels(tmp_path / name, VALUES, (200, 200), ONE).planes(box, spacing).present
            for name in ("mask.png", "drawn")
        )
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda f: f.write_bytes(b"\x89PNG nothing"), "damaged or no PNG"),
        (lambda f: f.write_bytes(b"II*\0" + b"\xff" * 40), "no TIFF, or a damaged one"),
        (lambda f: Image.new("F", (32, 32)).save(f, "TIFF"), "no whole numbers"),
        (
            lambda f: tifffile.imwrite(
                f, np.zeros((32, 32), np.uint8), tile=(16, 16), compression="jpeg"
            ),
            "with loss",
        ),
        (write_sizeless, "damaged"),
        (lambda f: Image.new("L", (32, 16)).save(f, "PNG"), "another shape"),
        (lambda f: Image.new("L", (32, 32), 5).save(f, "PNG"), "has the class '5'"),
        (lambda f: f.mkdir(), "cannot be read"),
        (lambda f: f.write_bytes(b""), "is empty"),
    ],
)
def test_every_fault_of_a_label_image_is_one_sentence(tmp_path, make, told):
    file = tmp_path / "mask"
    make(file)
    with pytest.raises(AnnotationError, match=told) as caught:
        open_labels(file, VALUES, (32, 32), ONE).planes(Box(0, 0, 32, 32), ONE)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_truncated_mask_is_a_fault_not_a_guess(tmp_path):
    file = tmp_path / "mask.tif"
    noise = np.random.default_rng(0).integers(1, 3, (128, 128)).astype(np.uint8)
    tifffile.imwrite(file, noise, tile=(32, 32), compression="zlib")
    labels = open_labels(file, VALUES, (128, 128), ONE)
    content = bytearray(file.read_bytes())
    at = content.find(zlib.compress(b"")[:1], 300)
    content[at : at + 3000] = bytes(len(content[at : at + 3000]))
    file.write_bytes(content)
    with pytest.raises(AnnotationError, match="damaged or truncated"):
        labels.planes(Box(0, 0, 128, 128), ONE)
