"""The command line before any slide is opened: help, version, what is wrong usage."""

import subprocess
import sys

import pytest

from histo import __version__

HEAVY = {
    "matplotlib",
    "torch",
    "openvino",
    "openslide",
    "numpy",
    "scipy",
    "pydantic",
    "shapely",
    "tifffile",
}


def test_the_commands_import_nothing_heavy():
    code = "import sys, histo.cli.app; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_help_lists_the_commands(histo_):
    shown = histo_("--help")
    assert shown.code == 0
    for command in ("infer", "info", "demo", "models", "doctor", "train", "agree", "case", "data"):
        assert command in shown.out
    assert "Research use only" in " ".join(shown.out.split())


@pytest.mark.parametrize(
    "command", ["infer", "info", "demo", "doctor", "train", "models", "agree", "case"]
)
def test_every_command_has_help(histo_, command):
    shown = histo_(command, "--help")
    assert shown.code == 0
    assert "Usage: histo" in shown.out


def test_version(histo_):
    assert histo_("--version").out == f"histo {__version__}\n"


def test_entry_points_are_the_commands(start):
    process = start("x.svs", before="import histo.cli as c; c.main = c.infer_main")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "Usage: histo infer" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["x.svs"], "--out"),
        (["--out", "r"], "slides"),
        (["x.svs", "--out", "r", "--nonsense"], "--nonsense"),
        (["x.svs", "--out", "r", "--stain", "giemsa"], "masson"),
        (["x.svs", "--out", "r", "--marker", "CD3"], "cd163"),
        (["x.svs", "--out", "r", "--device", "tpu"], "torch-cpu"),
        (["x.svs", "--out", "r", "--precision", "f8"], "bf16"),
        (["x.svs", "--out", "r", "--tile", "10"], "64"),
        (["x.svs", "--out", "r", "--tile", "100000"], "8192"),
        (["x.svs", "--out", "r", "--batch", "0"], "1"),
        (["x.svs", "--out", "r", "--threads", "0"], "1"),
        (["x.svs", "--out", "r", "--mpp", "0"], "0.1 to 1.2"),
        (["x.svs", "--out", "r", "--mpp", "-1"], "0.1 to 1.2"),
        (["x.svs", "--out", "r", "--mpp", "nan"], "0.1 to 1.2"),
        (["x.svs", "--out", "r", "--mpp", "inf"], "0.1 to 1.2"),
        (["x.svs", "--out", "r", "--mpp", "twenty"], "--mpp"),
        (["x.svs", "--out", "r", "--panel", "nonsense"], "default"),
        (["x.svs", "--out", "r", "--bundle", "nonsense"], "card.yaml"),
        (["x.svs", "--out", "r", "--roi", "nonsense.geojson"], "nonsense.geojson"),
        (["x.svs", "--out", "r", "--roi", "."], "--roi"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_wrong_usage_is_exit_2_and_says_what_is_right(histo_, words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = histo_("infer", *words)
    assert done.code == 2
    told_words = " ".join(done.err.replace("│", " ").split())  # the box may break lines
    assert told.lower() in told_words.lower()
    assert "Traceback" not in done.err
    assert not done.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["nonsense"], ["info"], ["models", "show"], ["train"]])
def test_other_commands_know_wrong_usage_too(histo_, words):
    assert histo_(*words).code == 2


def test_training_without_its_extra_gives_the_command(histo_, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    done = histo_("train", "--config", "he-collagen")
    assert done.code == 1
    assert done.says("pip install 'histo-stroma[train]'")
