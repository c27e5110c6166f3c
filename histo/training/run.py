"""From a configuration to a bundle: the whole of ``python train.py --config``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from histo.nn.bundle import Bundle
from histo.training.config import PaintedData, ShgData, SlideData, TrainingConfig
from histo.training.loop.checkpoints import BEST, LAST
from histo.training.loop.processes import rank, world_size
from histo.training.painted.run import train_on_painted
from histo.training.parts import require_licence
from histo.training.shg.run import train_on_cores
from histo.training.slides.run import train_on_slides

__all__ = ["train_bundle"]

Say = Callable[[str], None]


def train_bundle(
    config: TrainingConfig,
    out: Path,
    *,
    cross_validation: bool = True,
    resume: bool = False,
    say: Say = print,
) -> Bundle:
    """Train, evaluate and export; the data of the configuration say how.

    Writes the bundle to ``out`` and logs, checkpoints and the whole configuration beside it, in
    ``out/../<name>-training``. With ``resume`` the last training goes on from its checkpoint; folds
    of a cross-validation, which keep none, are trained anew.

    Under torchrun every process does the same and the first one writes. Folds are then trained one
    after another, each by all processes.
    """
    require_licence(config)
    if world_size() > 1:
        alone = config.optim.model_copy(update={"jobs": 1})
        config = config.model_copy(update={"optim": alone})
    with _written(config, out) as place:
        return _train(
            config,
            place,
            cross_validation=cross_validation,
            resume=resume,
            say=say if rank() == 0 else lambda _: None,
        )


def _train(
    config: TrainingConfig, out: Path, *, cross_validation: bool, resume: bool, say: Say
) -> Bundle:
    data = config.data
    if isinstance(data, ShgData):
        return train_on_cores(
            config, data, out, cross_validation=cross_validation, resume=resume, say=say
        )
    if isinstance(data, SlideData):
        return train_on_slides(
            config, data, out, cross_validation=cross_validation, resume=resume, say=say
        )
    if isinstance(data, PaintedData):
        return train_on_painted(config, data, out, resume=resume, say=say)
    raise NotImplementedError(data.kind)


@contextmanager
def _written(config: TrainingConfig, out: Path) -> Iterator[Path]:
    """Yield where this process writes: ``out``, or a folder thrown away if it is not the first."""
    name = f"{config.name}-training"
    log = out.parent / name
    if rank() == 0:
        log.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        (log / "config.yaml").write_text(text, encoding="utf-8")
        yield out
        return
    with TemporaryDirectory() as scratch:
        (Path(scratch) / name).mkdir()
        for checkpoint in (LAST, BEST):  # read by all
            (Path(scratch) / name / checkpoint).symlink_to((log / checkpoint).absolute())
        yield Path(scratch) / out.name
