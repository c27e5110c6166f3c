"""Checkpoints: everything a run needs to go on as if it had never stopped.

They are read with ``weights_only``: plain values and tensors, never an object that runs code.
"""

import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from histo.errors import ConfigError
from histo.training.config import TrainingConfig
from histo.training.loop.validation import Validation

__all__ = ["BEST", "LAST", "Checkpoints", "network_weights", "read_checkpoint"]

LAST, BEST = "last.ckpt", "best.ckpt"
_FREE = {  # what changes no weight
    "card.data",
    "card.failure_modes",
    "card.intended_use",
    "card.licence",
    "card.summary",
    "card.version",
    "optim.checkpoint_every",
    "optim.jobs",
    "optim.workers",
}


class Checkpoints(Callback):
    """Write ``last.ckpt`` every so many steps and at the end, ``best.ckpt`` when it gets better.

    Each holds weights, averaged weights, optimiser, schedule, the state of every generator, what
    validation found so far, and the configuration. A file is complete or not there.
    """

    def __init__(self, folder: Path, config: TrainingConfig, validation: Validation | None) -> None:
        self._folder, self._config, self._validation = folder, config, validation
        self._chance: dict[str, Any] | None = None

    def on_train_start(self, trainer: lightning.Trainer, _module: object) -> None:
        """Go on with the chance of the checkpoint, or clear away what an earlier run left."""
        if self._chance is not None:
            _set_chance(self._chance)
        elif trainer.is_global_zero:
            self._folder.mkdir(parents=True, exist_ok=True)
            for name in (LAST, BEST):
                (self._folder / name).unlink(missing_ok=True)

    def on_train_batch_end(self, trainer: lightning.Trainer, *_given: object) -> None:
        """Write what is due after a step; a cluster that ends the job gets one more."""
        step, optim = trainer.global_step, self._config.optim
        if self._validation is not None and self._validation.best_step == step:
            self._write(trainer, BEST)
        ends = step == optim.steps or trainer.should_stop
        called_off = trainer.received_sigterm and trainer.world_size == 1
        if step % optim.checkpoint_every == 0 or ends or called_off:
            self._write(trainer, LAST)

    def on_save_checkpoint(
        self, _trainer: object, _module: object, checkpoint: dict[str, Any]
    ) -> None:
        """Say what the run was configured to be."""
        checkpoint["configuration"] = self._config.model_dump(mode="json")

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every generator of chance."""
        return _chance()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the state until the first step."""
        self._chance = state_dict

    def _write(self, trainer: lightning.Trainer, name: str) -> None:
        for logger in trainer.loggers:
            logger.save()  # a log as long as the checkpoint is far
        unfinished = self._folder / f".{name}.part"
        trainer.save_checkpoint(unfinished)  # of all processes; the first one writes
        if trainer.is_global_zero:
            with unfinished.open("rb") as stream:
                os.fsync(stream.fileno())
            unfinished.replace(self._folder / name)


def read_checkpoint(path: Path, config: TrainingConfig) -> dict[str, Any]:
    """Read a checkpoint to go on from.

    Raises
    ------
    ConfigError
        If it is missing or broken, or of another configuration.
    """
    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        before = found["configuration"]
    except FileNotFoundError:
        raise ConfigError(
            f"there is no {path.name} in {path.parent.name} to go on from; "
            "leave --resume out to begin."
        ) from None
    except (OSError, RuntimeError, EOFError, KeyError, UnpicklingError) as fault:
        raise ConfigError(
            f"{path.name} is no checkpoint of histo; leave --resume out to begin anew."
        ) from fault
    for key, was, now in _differences(before, config.model_dump(mode="json")):
        raise ConfigError(
            f"{key} was {was} in the run to go on with and is {now} now; "
            "put it back, or leave --resume out to begin anew."
        )
    return found


def network_weights(checkpoint: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return the weights of the network, averaged ones where there are some."""
    return {
        name.removeprefix("network."): value for name, value in checkpoint["state_dict"].items()
    }


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], above: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield key, value before and value now of what would make another run."""
    for key in sorted({*before, *now}):
        name, was, given = above + key, before.get(key), now.get(key)
        if name in _FREE or was == given:
            continue
        if isinstance(was, dict) and isinstance(given, dict):
            yield from _differences(was, given, f"{name}.")
        else:
            yield name, was, given


def _chance() -> dict[str, Any]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002  (what others may draw from)
    state = {
        "torch": torch.get_rng_state(),
        "numpy": [kind, torch.from_numpy(np.asarray(keys, np.int64)), *rest],
        "python": random.getstate(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_chance(state: Mapping[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    random.setstate(state["python"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
