"""Recipes: tiny folders in the shape of the public sets become manifests that check."""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from histo.errors import ConfigError
from histo.geometry import Box
from histo.training.manifests.check import check_manifest
from histo.training.manifests.labels import open_row, row_labels
from histo.training.manifests.licences import family
from histo.training.manifests.manifest import read_manifest, write_manifest
from histo.training.manifests.recipes import load_recipe, prepare_rows, recipe_names

SIDE = 256


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(120, 240, (SIDE, SIDE, 3)).astype(np.uint8)
    kind = {".svs": "TIFF", ".tif": "TIFF", ".png": "PNG", ".jpg": "JPEG"}[path.suffix]
    Image.fromarray(pixels).save(path, kind)


def mask(path: Path, *values: int) -> None:
    """Write a mask of upright stripes of equal width."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stripes = np.repeat(np.array(values, np.uint8), SIDE // len(values))
    Image.fromarray(np.broadcast_to(stripes, (SIDE, SIDE)).copy()).save(path, "PNG")


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def square(name: str, low: int, high: int) -> dict:
    ring = [[low, low], [high, low], [high, high], [low, high], [low, low]]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"classification": {"name": name}},
    }


def features(path: Path, *found: dict) -> None:
    text(path, json.dumps({"type": "FeatureCollection", "features": list(found)}))


def aperio(name: str, low: int, high: int) -> str:
    corners = [(low, low), (high, low), (high, high), (low, high)]
    vertices = "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in corners)
    return (
        f'<Annotation><Attributes><Attribute Name="{name}"/></Attributes><Regions><Region '
        f'Type="0"><Vertices>{vertices}</Vertices></Region></Regions></Annotation>'
    )


def bcss(folder: Path) -> None:
    for case in ("TCGA-A1-A0SK", "TCGA-AR-A1AQ"):
        name = f"{case}-DX1_xmin45749_ymin25055_MPP-0.2500.png"
        image(folder / "rgbs_colorNormalized" / name)
        mask(folder / "masks" / name, 1, 2, 4, 0)


def nucls(folder: Path) -> None:
    stem = "TCGA-A1-A0SP-DX1_id-5ea4_left-7053_top-53807_MPP-0.2"
    image(folder / "rgb" / f"{stem}.png")
    head = "raw_classification,xmin,ymin,xmax,ymax,coords_x,coords_y\n"
    rows = (
        'macrophage,40,40,120,120,"40,120,120,40","40,40,120,120"\n'
        "tumor,160,160,240,240,,\nother,0,0,16,16,,\n"
    )
    text(folder / "csv" / f"{stem}.csv", head + rows)


def monusac(folder: Path) -> None:
    stem = folder / "TCGA-A9-A9K0-01Z-00-DX1" / "TCGA-A9-A9K0-01Z-00-DX1_1"
    image(stem.with_suffix(".svs"))
    image(stem.with_suffix(".tif"))
    layers = aperio("Macrophage", 40, 120) + aperio("Epithelial", 160, 240)
    text(stem.with_suffix(".xml"), f"<Annotations>{layers}</Annotations>")


def tiger(folder: Path) -> None:
    rois = folder / "wsirois" / "roi-level-annotations"
    for part, name in (
        ("tissue-cells", "100B_[10, 20, 30, 40].png"),
        ("tissue-bcss", "TCGA-A1-A0SK-01Z-00-DX1.A4_[1, 2, 3, 4].png"),
    ):
        image(rois / part / "images" / name)
        mask(rois / part / "masks" / name, 1, 2, 5, 0)


def puma(folder: Path) -> None:
    name = "training_set_metastatic_roi_001"
    image(folder / "01_training_dataset_tif_ROIs" / f"{name}.tif")
    tissue = folder / "01_training_dataset_geojson_tissue" / f"{name}_tissue.geojson"
    features(tissue, square("tissue_stroma", 0, 256), square("tissue_tumor", 40, 160))
    nuclei = folder / "01_training_dataset_geojson_nuclei" / f"{name}_nuclei.geojson"
    features(nuclei, square("nuclei_histiocyte", 16, 80), square("nuclei_tumor", 120, 160))


def segpath(folder: Path) -> None:
    stem = "aSMA_SmoothMuscle_004_06_021504"
    image(folder / "aSMA_SmoothMuscle" / f"{stem}_HE.png")
    mask(folder / "aSMA_SmoothMuscle" / f"{stem}_mask.png", 0, 1)


def immunocto(folder: Path) -> None:
    for kind in ("macrophage", "cd8"):
        image(folder / "CRC01" / kind / "cell_000001.png")


def orion_crc(folder: Path) -> None:
    image(folder / "CRC01" / "18459-LSP-registered.ome.tif")
    image(folder / "CRC02" / "18460-LSP-registered.ome.tif")
    text(
        folder / "CRC01" / "18459-LSP-registered.csv",
        "x,y,class\n128,128,macrophage\n20,20,tumour\n",
    )


def mihic(folder: Path) -> None:
    for part, kind in (("train", "Tumor"), ("train", "Immune cells"), ("test", "Nerosis")):
        image(folder / part / kind / f"{kind}_1.png")


def nct_crc(folder: Path) -> None:
    for part in ("NCT-CRC-HE-100K-NONORM", "CRC-VAL-HE-7K"):
        for kind in ("TUM", "MUS", "STR", "DEB"):
            image(folder / part / kind / f"{kind}-AAAFLCLY.tif")


def ignite(folder: Path) -> None:
    image(folder / "images" / "he" / "case1_roi_1.png")
    masks = folder / "annotations" / "he_tissue_segmentation" / "masks"
    mask(masks / "case1_roi_1.png", 0, 1, 2, 3)


def anhir(folder: Path) -> None:
    image(folder / "lung-lesion_1" / "scale-5pc" / "29-041-Izd2-w35-He-les1.jpg")
    image(folder / "lung-lesion_1" / "scale-5pc" / "29-041-Izd2-w35-Cd31-les1.jpg")


def acrobat(folder: Path) -> None:
    for stain in ("HE", "ER", "KI67"):
        image(folder / "train" / f"0_{stain}_train.tif")


# Of each set: how its folder looks, its rows, and the shares present of each component of a row.
SETS = {
    "acrobat": (acrobat, 3, {}),
    "anhir": (anhir, 2, {}),
    "bcss": (bcss, 2, {"tumour": 1 / 2, "necrosis": 1 / 2}),
    "ignite": (ignite, 1, {"tumour": 1 / 4}),
    "immunocto": (immunocto, 2, {"macrophage": np.pi * (6 / 0.325) ** 2 / SIDE**2}),
    "mihic": (mihic, 3, {"tumour": 1, "necrosis": 1}),
    "monusac": (monusac, 1, {"macrophage": 6400 / SIDE**2}),
    "nct-crc": (nct_crc, 8, {"tumour": 2, "muscle": 2}),
    "nucls": (nucls, 1, {"macrophage": 6400 / SIDE**2}),
    "orion-crc": (orion_crc, 2, {"macrophage": np.pi * 100 / SIDE**2, "myofibroblast": 0}),
    "puma": (puma, 2, {"tumour": 14400 / SIDE**2, "necrosis": 0, "macrophage": 4096 / SIDE**2}),
    "segpath": (segpath, 1, {"myofibroblast": 1 / 2}),
    "tiger": (tiger, 2, {"tumour": 1 / 2, "necrosis": 1 / 2}),
}


def test_every_recipe_is_tested():
    assert sorted(SETS) == recipe_names()


@pytest.mark.parametrize("name", sorted(SETS))
def test_a_folder_of_the_right_shape_becomes_a_manifest_that_checks(tmp_path, name):
    make, count, shares = SETS[name]
    make(tmp_path / "in")
    recipe = load_recipe(name)
    rows, left_out = prepare_rows(recipe, tmp_path / "in", tmp_path, mpp=recipe.mpp or 0.5)
    assert (len(rows), left_out) == (count, 0)
    write_manifest(tmp_path / "manifest.csv", rows)
    manifest = read_manifest(tmp_path / "manifest.csv")
    assert manifest.rows == tuple(rows)
    check = check_manifest(manifest)
    assert [str(fault) for fault in check.faults] == []
    assert family(check.licence) == family(recipe.licence)
    present = Counter()
    for row in rows:
        with open_row(row, tmp_path) as slide:
            labels = row_labels(row, tmp_path, slide)
            if labels is None:
                continue
            planes = labels.planes(Box(0, 0, SIDE, SIDE), slide.spacing)
        for component, plane in zip(planes.components, planes.present, strict=True):
            present[component] += plane.mean()
    # A band of a few µm along borders is unknown, which on so small an image is much.
    banded = any(class_map.border_um for class_map in recipe.class_maps.values())
    for component, share in shares.items():
        low = (0.4 if banded else 0.95) * share
        assert low <= present[component] <= 1.05 * share, component
    assert set(present) == set(shares)


def test_patients_and_sites_are_read_from_names(tmp_path):
    bcss(tmp_path)
    rows, _ = prepare_rows(load_recipe("bcss"), tmp_path, tmp_path)
    assert [(row.patient, row.site) for row in rows] == [
        ("TCGA-A1-A0SK", "A1"),
        ("TCGA-AR-A1AQ", "AR"),
    ]
    assert rows[0].annotation.startswith("masks/TCGA-A1")


def test_slides_without_their_annotation_are_left_out_and_counted(tmp_path):
    bcss(tmp_path)
    next((tmp_path / "masks").iterdir()).unlink()
    rows, left_out = prepare_rows(load_recipe("bcss"), tmp_path, tmp_path)
    assert (len(rows), left_out) == (1, 1)


def test_paths_are_relative_to_where_the_manifest_stands(tmp_path):
    bcss(tmp_path / "download")
    rows, _ = prepare_rows(load_recipe("bcss"), tmp_path / "download", tmp_path / "sets")
    assert rows[0].slide.startswith("../download/rgbs_colorNormalized/")
    assert os.sep == "/" or "\\" not in rows[0].slide


def test_faults_of_a_folder_are_told(tmp_path):
    with pytest.raises(ConfigError, match="no recipe 'nothing'; there are acrobat"):
        load_recipe("nothing")
    with pytest.raises(ConfigError, match="is no folder"):
        prepare_rows(load_recipe("bcss"), tmp_path / "none", tmp_path)
    with pytest.raises(ConfigError, match="nothing in the shape of bcss; expected FOLDER/rgbs"):
        prepare_rows(load_recipe("bcss"), tmp_path, tmp_path)


def test_a_recipe_of_the_users_own(tmp_path):
    values = yaml.safe_load(
        """
        {name: mine, title: t, link: l, licence: CC0, stain: H&E, folder: f, unknown: [u],
         class_maps: {m: {classes: {1: tumour}}},
         files: [{slide: '(?P<p>.+)\\.png', annotation: '{p}.xml', class_map: m, patient: '{p}'}]}
        """
    )
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    assert load_recipe(file).name == "mine"
    for key, value, told in (
        ("slide", "(", r"mine\.yaml: files\.0\.slide: no regular expression"),
        ("patient", "{case}", "'{case}' asks for case, which is no group of slide"),
        ("patient", "{p.real}", r"asks for p\.real"),
        ("patient", "{p", "files.0"),
        ("class_map", "other", "no class map 'other'"),
        ("class_map", "", "needs a class map"),
    ):
        changed = values | {"files": [values["files"][0] | {key: value}]}
        file.write_text(yaml.safe_dump(changed), encoding="utf-8")
        with pytest.raises(ConfigError, match=told):
            load_recipe(file)
