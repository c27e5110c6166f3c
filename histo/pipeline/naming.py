"""What the outputs of bundles are called on a slide, as its panel says for its stain and marker."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from histo.inference import Predict
from histo.nn import Bundle
from histo.pipeline.options import ScoreOptions
from histo.vocabulary import Component, Stain

__all__ = ["Naming", "naming_for"]


@dataclass(frozen=True)
class Naming:
    """What a panel makes of outputs: brown is a macrophage for CD68, a myofibroblast for α-SMA.

    Attributes
    ----------
    called
        Output to component; None for one that means nothing on this slide and is dropped. What
        is not named keeps its name.
    """

    called: Mapping[Component, Component | None] = field(default_factory=dict)

    def of(self, output: Component) -> Component | None:
        """Return what an output is called; None where it is dropped."""
        return self.called.get(output, output)

    def components(self, bundle: Bundle) -> list[Component]:
        """Return what a bundle gives on this slide."""
        return [name for output in bundle.card.components if (name := self.of(output))]

    def as_record(self, bundle: Bundle) -> dict[str, str | None]:
        """Return what ``run.json`` says of it: output to component."""
        return {str(output): self.of(output) for output in bundle.card.components}

    def thresholds(self, bundles: Iterable[Bundle]) -> dict[str, float]:
        """Return each component's threshold: that of the output it is read from."""
        return {
            str(name): cut
            for bundle in bundles
            for output, cut in bundle.card.thresholds.items()
            if (name := self.of(output))
        }

    def apply(self, predict: Predict) -> Predict:
        """Return the network with its outputs so called, without those that are dropped."""
        names = [self.of(Component(output)) for output in predict.outputs]
        if tuple(map(str, names)) == predict.outputs:
            return predict
        kept = [channel for channel, name in enumerate(names) if name is not None]
        return _Named(predict, tuple(str(names[channel]) for channel in kept), kept)


def naming_for(stain: Stain, options: ScoreOptions) -> Naming:
    """Return how the panel's entry for a stain and marker calls outputs, of any bundle.

    Raises
    ------
    ConfigError
        If there is no such panel, or it is at fault.
    """
    marker = options.marker if stain == Stain.HDAB else None
    entry = options.read_panel().entry(stain, marker)
    return Naming() if entry is None else Naming(entry.rename)


class _Named:
    """A network, some of its outputs under other names."""

    def __init__(self, predict: Predict, outputs: tuple[str, ...], channels: list[int]) -> None:
        self.outputs = outputs
        self.reduction = predict.reduction
        self.stride = predict.stride
        self._predict = predict
        self._channels = channels

    def __call__(self, tiles: NDArray[np.uint8], /) -> list[NDArray[np.floating]]:
        given = self._predict(tiles)
        pieces = [given] if isinstance(given, np.ndarray) else given
        return [piece[:, self._channels] for piece in pieces]
