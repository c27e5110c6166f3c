"""Settings on the command line change the file's, and are validated with it."""

import pytest
import yaml
from training_fakes import training_values

pytest.importorskip("pydantic")

from histo.errors import ConfigError
from histo.training.overrides import overridden, read_config


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(training_values("study.csv")), encoding="utf-8")
    return path


def test_values_are_those_of_yaml(file):
    config = read_config(
        file,
        [
            "optim.lr=3e-4",
            "seed=1",
            "optim.compile=true",
            "components=[tumour, collagen]",
            "optim.precision=16",
            "augmentation.scale=[0.9, 1.1]",
            "imagenet_weights=null",
            "network.arguments.encoder_depth=4",
        ],
    )
    assert (config.optim.lr, config.seed, config.optim.compile) == (3e-4, 1, True)
    assert config.components == ["tumour", "collagen"]
    assert config.optim.precision == "16-mixed"
    assert config.augmentation.scale == (0.9, 1.1)
    assert config.network.arguments["encoder_depth"] == 4
    assert config.optim.steps == 3, "what was not named stays"


def test_the_last_word_holds_and_the_settings_given_are_not_changed():
    before = {"optim": {"lr": 1}}
    assert overridden(before, ["optim.lr=2", "optim.lr=5e-1"]) == {"optim": {"lr": 0.5}}
    assert before == {"optim": {"lr": 1}}


def test_a_text_may_hold_an_equals_sign():
    assert overridden({}, ["card.summary=a=b"]) == {"card": {"summary": "a=b"}}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("optim.lrr=1", r"^tiny\.yaml optim\.lrr=1: optim\.lrr: is not a known key"),
        ("colour=red", r"colour: is not a known key"),
        ("seed.x=1", r"^seed\.x is not a known key: seed is a value, not a group\.$"),
        ("optim.lr=fast", r"optim\.lr: Input should be a valid number"),
        ("optim.lr=-1", r"optim\.lr: Input should be greater than 0"),
        ("optim.lr", r"^'optim\.lr' is no setting: expected KEY=VALUE"),
        ("optim..lr=1", r"is no setting"),
        ("=1", r"is no setting"),
        ("components=[a", r"^the value of 'components=\[a' is not valid YAML\.$"),
    ],
)
def test_what_cannot_be_set_is_one_sentence_that_names_the_key(file, override, told):
    with pytest.raises(ConfigError, match=told) as fault:
        read_config(file, [override])
    assert "\n" not in str(fault.value)
