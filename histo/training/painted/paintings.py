"""One painting at the network's spacing, with everything that is true of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from histo.errors import ConfigError
from histo.stains.simulate import Scene, SimulatedPatch, SimulationSpec, simulate_dab
from histo.training.config import TrainingConfig
from histo.training.painted.backgrounds import Piece
from histo.vocabulary import Component

__all__ = ["PAINTED", "Painting", "paint", "reduction_of"]

PAINTED = (Component.POSITIVE, Component.CELL, Component.MUSCLE)
"""What a painting knows."""


@dataclass(frozen=True, eq=False)
class Painting:
    """A painted patch as a network sees it.

    Attributes
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3).
    target
        ndarray of uint8, shape (C, H, W), 255 = 1: the components, in the order asked for. A pixel
        half covered is half present; ``cell`` has a peak on each counted cell's nucleus.
    centres
        ndarray of float64, shape (N, 2): counted cells, (row, col); the centre of pixel (r, c) is
        (r + 0.5, c + 0.5).
    distractor
        ndarray of bool, shape (H, W): pigment or stained edge somewhere in the pixel.
    glass
        Grey level of empty glass.
    scene, background, organ
        What was painted, and on what.
    """

    rgb: NDArray[np.uint8]
    target: NDArray[np.uint8]
    centres: NDArray[np.float64]
    distractor: NDArray[np.bool_]
    glass: float
    scene: Scene
    background: str
    organ: str


def reduction_of(config: TrainingConfig) -> int:
    """Return how many painted pixels make one of the network's.

    Raises
    ------
    ConfigError
        If that is no whole number, or a component is asked for that paintings do not know.
    """
    data = config.data
    assert data.kind == "painted"  # noqa: S101  (says to the type checker what train_bundle chose)
    share = config.card.um_per_px / data.paint_um_per_px
    if abs(share - round(share)) > 1e-6 or share < 1:
        raise ConfigError(
            f"card.um_per_px {config.card.um_per_px} is no whole multiple of "
            f"data.paint_um_per_px {data.paint_um_per_px}."
        )
    unknown = sorted(set(config.components) - set(PAINTED))
    if unknown:
        raise ConfigError(
            f"paintings do not know the component {unknown[0]}; they know {', '.join(PAINTED)}."
        )
    return round(share)


def paint(
    piece: Piece,
    components: Sequence[Component],
    reduction: int,
    spec: SimulationSpec,
    draw: np.random.Generator,
) -> Painting:
    """Paint a piece of tissue and see it ``reduction`` times as coarse."""
    glass = float(draw.uniform(*spec.glass))
    patch = simulate_dab(piece.tissue, draw, replace(spec, glass=(glass, glass)))
    planes = np.stack([_plane(patch, component) for component in components])
    light = _coarse(patch.rgb.astype(np.float32).transpose(2, 0, 1), reduction)
    return Painting(
        rgb=np.rint(light).astype(np.uint8).transpose(1, 2, 0).copy(),
        target=np.rint(_coarse(planes, reduction) * 255).astype(np.uint8),
        centres=(patch.centres_px.astype(np.float64) + 0.5) / reduction,
        distractor=_coarse(patch.distractor[None].astype(np.float32), reduction)[0] > 0,
        glass=glass,
        scene=patch.scene,
        background=piece.background,
        organ=piece.organ,
    )


def _plane(patch: SimulatedPatch, component: Component) -> NDArray[np.float32]:
    planes = {
        Component.POSITIVE: patch.positive,
        Component.CELL: patch.cell,
        Component.MUSCLE: patch.muscle,
    }
    return planes[component].astype(np.float32)


def _coarse(planes: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Mean over k x k pixels of each plane, shape (C, H, W)."""
    count, height, width = planes.shape
    blocks = planes[:, : height // k * k, : width // k * k]
    blocks = blocks.reshape(count, height // k, k, width // k, k)
    means: NDArray[np.float32] = blocks.mean(axis=(2, 4))
    return means
