"""From a configuration to a bundle: the whole of ``python train.py --config``."""

from collections.abc import Callable
from pathlib import Path

from histo.nn.bundle import Bundle
from histo.training.config import PaintedData, ShgData, SlideData, TrainingConfig
from histo.training.painted.run import train_on_painted
from histo.training.shg.run import train_on_cores
from histo.training.slides.run import train_on_slides

__all__ = ["train_bundle"]


def train_bundle(
    config: TrainingConfig,
    out: Path,
    *,
    cross_validation: bool = True,
    say: Callable[[str], None] = print,
) -> Bundle:
    """Train, evaluate and export; the data of the configuration say how.

    Writes the bundle to ``out`` and logs beside it, in ``out/../<name>-training``.
    """
    data = config.data
    if isinstance(data, ShgData):
        return train_on_cores(config, data, out, cross_validation=cross_validation, say=say)
    if isinstance(data, SlideData):
        return train_on_slides(config, data, out, cross_validation=cross_validation, say=say)
    if isinstance(data, PaintedData):
        return train_on_painted(config, data, out, say=say)
    raise NotImplementedError(data.kind)
