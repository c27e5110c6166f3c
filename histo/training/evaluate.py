"""How well a map of probabilities agrees with second-harmonic generation, core by core."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torchmetrics.functional.classification import binary_auroc

from histo.nn.network import StromaNetwork
from histo.stains import Dye, optical_density, stain_matrix, unmix
from histo.tissue import white_point
from histo.training.cores import Core, otsu_threshold

__all__ = [
    "CoreResult",
    "area_threshold",
    "collagen_label",
    "core_probability",
    "eosin_amount",
    "evaluate_cores",
    "mean_of",
]

_BLUR_PX = 3.0  # registration leaves an error of a few px; r is read at that scale


@dataclass(frozen=True)
class CoreResult:
    """Agreement on one core.

    Attributes
    ----------
    auroc
        Against SHG above its own Otsu threshold, inside tissue; NaN if one class is missing.
    pearson_r
        With SHG, both blurred by 3 px, inside tissue.
    label_fraction, predicted_fraction
        Collagen area over tissue area, of the label and of the prediction at ``threshold``.
    """

    core: str
    organ: str
    auroc: float
    pearson_r: float
    dice: float = float("nan")
    label_fraction: float = float("nan")
    predicted_fraction: float = float("nan")
    extra: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Return plain values."""
        return asdict(self)


def core_probability(network: StromaNetwork, core: Core) -> NDArray[np.float32]:
    """Return the network's probability on a whole core, float32, (H, W)."""
    stride = network.spec.stride_px
    height, width = core.rgb.shape[:2]
    pad = ((0, -height % stride), (0, -width % stride), (0, 0))
    tile = torch.from_numpy(np.pad(core.rgb, pad, mode="reflect")[None])
    with torch.no_grad():
        chance = torch.sigmoid(network(tile))[0, 0, :height, :width]
    return np.asarray(chance.numpy(), dtype=np.float32)


def eosin_amount(core: Core) -> NDArray[np.float32]:
    """Return the unmixed eosin of a core: the rule a network has to beat."""
    density = optical_density(core.rgb, white_point(core.rgb))
    return unmix(density, stain_matrix(Dye.HAEMATOXYLIN, Dye.EOSIN))[..., 1]


def collagen_label(core: Core) -> NDArray[np.bool_]:
    """Return where a core is collagen: the target above its own Otsu threshold, in tissue."""
    return core.tissue & (core.target > otsu_threshold(core.target[core.tissue]))


def evaluate_cores(
    cores: Sequence[Core],
    score: Callable[[Core], NDArray[np.float32]],
    *,
    threshold: float | None = None,
) -> list[CoreResult]:
    """Evaluate any map (network or baseline) on cores it has not seen."""
    return [_evaluate(core, score(core), threshold) for core in cores]


def _evaluate(core: Core, values: NDArray[np.float32], threshold: float | None) -> CoreResult:
    inside = core.tissue
    bright = core.shg[inside] > otsu_threshold(core.shg[inside])
    both = bright.any() and not bright.all()
    auroc = binary_auroc(_rank01(values[inside]), torch.from_numpy(bright)) if both else np.nan
    smooth = [ndimage.gaussian_filter(image, _BLUR_PX)[inside] for image in (values, core.shg)]
    result = CoreResult(core.name, core.organ, float(auroc), float(np.corrcoef(smooth)[0, 1]))
    if threshold is None:
        return result
    found, label = (values > threshold) & inside, collagen_label(core)
    total = found.sum() + label.sum()
    return CoreResult(
        core.name,
        core.organ,
        result.auroc,
        result.pearson_r,
        dice=float(2 * (found & label).sum() / total) if total else float("nan"),
        label_fraction=float(label.sum() / inside.sum()),
        predicted_fraction=float(found.sum() / inside.sum()),
    )


def _rank01(values: NDArray[np.float32]) -> torch.Tensor:
    """Map scores to 0..1 keeping their order, as torchmetrics expects of probabilities."""
    low, high = float(values.min()), float(values.max())
    return torch.from_numpy((values - low) / max(high - low, 1e-12))


def area_threshold(cores: Sequence[Core], maps: Sequence[NDArray[np.float32]]) -> float:
    """Return the threshold at which predicted and labelled collagen areas agree over all cores."""
    labelled = sum(int(collagen_label(core).sum()) for core in cores)
    values = np.concatenate([m[core.tissue] for core, m in zip(cores, maps, strict=True)])
    return float(np.quantile(values, 1 - labelled / len(values)))


def mean_of(results: Sequence[CoreResult], name: str) -> float:
    """Return the mean of a figure over cores, leaving out undefined ones."""
    return float(np.nanmean([getattr(result, name) for result in results]))
