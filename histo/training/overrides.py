"""Settings changed on the command line: ``optim.lr=3e-4 data.epoch=500 seed=1``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from histo.config import read_yaml
from histo.errors import ConfigError
from histo.training.config import TrainingConfig

__all__ = ["overridden", "read_config"]


def read_config(path: Path, overrides: Sequence[str] = ()) -> TrainingConfig:
    """Read an experiment, change some of its settings, validate the whole.

    Raises
    ------
    ConfigError
        In one sentence, naming the key that is not known or does not fit.
    """
    values = overridden(read_yaml(path), overrides)
    return TrainingConfig.parse(values, " ".join([path.name, *overrides]))


def overridden(values: Any, overrides: Sequence[str]) -> Any:
    """Return settings with some of them changed; what is given last holds.

    A value is written as in YAML: ``null``, ``true``, ``[collagen, tumour]``. Whether the settings
    know the key is for their validation to say.

    Examples
    --------
    >>> overridden({"seed": 0, "optim": {"lr": 0.1}}, ["optim.lr=3e-4", "seed=1"])
    {'seed': 1, 'optim': {'lr': 0.0003}}

    Raises
    ------
    ConfigError
        If one is not written ``key=value``, or its key stands below a plain value.
    """
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not all(key.split(".")):
            raise ConfigError(f"'{text}' is no setting: expected KEY=VALUE, as in optim.lr=3e-4.")
        values = _with(values, key.split("."), _value(text, value), key)
    return values


def _with(values: Any, keys: Sequence[str], value: Any, whole: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        above = whole.split(".")[: -len(keys)]
        raise ConfigError(f"{whole} is not a known key: {'.'.join(above)} is a value, not a group.")
    first, *rest = keys
    below = values.get(first)
    if rest:
        value = _with({} if below is None else below, rest, value, whole)
    return {**values, first: value}


def _value(text: str, written: str) -> Any:
    try:
        value = yaml.safe_load(written)
    except yaml.YAMLError as fault:
        raise ConfigError(f"the value of '{text}' is not valid YAML.") from fault
    if isinstance(value, str) and value[-1:].isdigit():
        try:
            return float(value)  # 3e-4, which YAML wants as 3.0e-4
        except ValueError:
            return value
    return value
