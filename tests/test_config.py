"""Settings are frozen; a fault in a file is one sentence that names file, key and fault."""

import pytest
from pydantic import ValidationError, field_validator

from histo.assets import config_path
from histo.config import InferenceSettings, Panel, PanelEntry, StrictModel, read_yaml
from histo.errors import BundleError, ConfigError
from histo.vocabulary import Component, Marker, Stain


class Dials(StrictModel):
    """A small model to turn."""

    gain: float
    steps: int = 3

    @field_validator("steps")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("expected an odd number")
        return value


def written(folder, text):
    path = folder / "dials.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read(tmp_path):
    assert Dials.from_yaml(written(tmp_path, "gain: 2\n")) == Dials(gain=2.0, steps=3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gain: 1\nstep: 5", "dials.yaml: step: is not a known key; check its spelling."),
        ("steps: 5", "dials.yaml: gain: is missing."),
        ("gain: much", "dials.yaml: gain: Input should be a valid number"),
        ("gain: 1\nsteps: 4", "dials.yaml: steps: expected an odd number."),
        ("", "dials.yaml: expected keys with values."),
        ("- 1\n- 2", "dials.yaml: expected keys with values."),
        ("gain: [1\nsteps: 2", "dials.yaml is not valid YAML at line 2."),
        ("step: 1\nstop: 1\ngain: x", "(2 more faults)."),
    ],
)
def test_a_fault_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(ConfigError) as caught:
        Dials.from_yaml(written(tmp_path, text))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_sentence_without_its_folder(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_yaml(tmp_path / "none.yaml")
    assert str(caught.value) == "none.yaml cannot be read (No such file or directory)."


def test_bytes_that_are_no_text_are_one_sentence(tmp_path):
    path = tmp_path / "dials.yaml"
    path.write_bytes(b"gain: \xff\xfe")
    with pytest.raises(ConfigError, match=r"dials\.yaml cannot be read \(UnicodeDecodeError\)\."):
        read_yaml(path)


def test_the_caller_chooses_the_kind_of_error(tmp_path):
    with pytest.raises(BundleError, match="gain: is missing"):
        Dials.from_yaml(written(tmp_path, "{}"), error=BundleError)


def test_yaml_makes_no_objects(tmp_path):
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_yaml(written(tmp_path, "gain: !!python/object/apply:os.getcwd []"))


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        InferenceSettings().batch = 8


@pytest.mark.parametrize(
    "wrong", [{"batch": 0}, {"tile_px": 32}, {"threads": 0}, {"device": "tpu"}, {"tile": 512}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        InferenceSettings.model_validate(wrong)


def test_a_panel_answers_for_stain_and_marker_together():
    asma = PanelEntry(
        stain=Stain.HDAB,
        marker=Marker.ASMA,
        bundles=["dab"],
        rename={"positive": Component.MYOFIBROBLAST},
    )
    panel = Panel(name="p", entries=[PanelEntry(stain=Stain.HE, bundles=["he"]), asma])
    assert panel.entry(Stain.HDAB, Marker.ASMA) is asma
    assert panel.entry(Stain.HDAB, None) is None
    assert panel.entry(Stain.HE, Marker.CD68) is None


def test_the_shipped_default_panel_is_sound():
    panel = Panel.from_yaml(config_path("default"))
    entry = panel.entry(Stain.HE, None)
    assert entry is not None
    assert entry.bundles == ["he-collagen"]


@pytest.mark.parametrize(
    ("name", "marker"),
    [
        ("P1_CD163", Marker.CD163),
        ("p1-cd-68-b", Marker.CD68),
        ("P1 aSMA", Marker.ASMA),
        ("alpha-SMA_2", Marker.ASMA),
        ("P1_CD1630", None),
        ("plasma", None),
        ("CD68_CD163", None),
    ],
)
def test_a_marker_is_read_from_a_file_name_if_it_names_one(name, marker):
    panel = Panel(name="p", entries=[PanelEntry(stain="H&E", bundles=["b"])])
    assert panel.marker_of(name) == marker
