"""The curves of a run are drawn from its table."""

import csv

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("lightning")

from histo.training.loop.curves import read_curve, write_curves


def write_metrics(folder, *, judged=True, steps=2000):
    draw = np.random.default_rng(0)
    names = ["step", "loss", "val_loss", "val_dice_tumour", "val_dice_collagen"]
    with (folder / "metrics.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, names if judged else names[:2])
        table.writeheader()
        for step in range(9, steps, 10):
            fall = np.exp(-step / 600)
            table.writerow({"step": step, "loss": 0.3 + fall + draw.normal(0, 0.08)})
            if judged and step % 200 == 199:
                dice = {"val_dice_tumour": 0.9 - 0.6 * fall, "val_dice_collagen": 0.7 - 0.7 * fall}
                late = 0.0002 * max(step - 1200, 0)
                table.writerow({"step": step, "val_loss": 0.45 + fall + late, **dice})


def test_a_picture_shows_loss_and_dice(tmp_path):
    write_metrics(tmp_path)
    with Image.open(write_curves(tmp_path)) as picture:
        assert picture.size[0] > 2 * picture.size[1]
        assert len(picture.getcolors(2**24)) > 100


def test_without_validation_there_is_loss_alone(tmp_path):
    write_metrics(tmp_path, judged=False)
    with Image.open(write_curves(tmp_path)) as picture:
        assert picture.size[0] < 2 * picture.size[1]


@pytest.mark.parametrize("text", ["", "step,loss\n", "step,val_loss,val_dice_tumour\n0,nan,nan\n"])
def test_a_run_that_logged_nearly_nothing_is_no_fault(tmp_path, text):
    (tmp_path / "metrics.csv").write_text(text, encoding="utf-8")
    assert write_curves(tmp_path).is_file()


def test_without_a_table_nothing_is_drawn(tmp_path):
    assert write_curves(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_a_curve_counts_steps_from_one_and_leaves_gaps_out():
    lines = [{"step": "19", "loss": "0.5"}, {"step": "3", "loss": ""}, {"step": "9", "loss": "1"}]
    assert read_curve(lines, "loss").tolist() == [[10, 1], [20, 0.5]]
