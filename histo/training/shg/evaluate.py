"""How well a map of probabilities agrees with second-harmonic generation, core by core."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torchmetrics.functional.classification import binary_auroc

from histo.nn.network import StromaNetwork
from histo.stains import Dye, optical_density, stain_matrix, unmix
from histo.tissue import white_point
from histo.training.samples.crops import Sample
from histo.training.shg.cores import Core, otsu_threshold

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
    """Agreement on one core, inside its outline: tissue and the clear spaces it encloses.

    Registration leaves an error of a few pixels, so prediction and SHG are compared at that scale:
    both blurred by 3 px. Stricter figures stand beside: pixel by pixel, and in tissue alone.

    Attributes
    ----------
    auroc
        Against blurred SHG above its own Otsu threshold; NaN if one class is missing.
    pearson_r
        With SHG; NaN if the map is constant.
    auroc_px
        As ``auroc``, but nothing is blurred.
    auroc_tissue, pearson_r_tissue
        As ``auroc`` and ``pearson_r``, but in tissue alone, where scores are measured.
    dice
        Of the areas of prediction and label, at the threshold.
    label_fraction, predicted_fraction
        Collagen area over tissue area, of the label and of the prediction at the threshold.
    """

    core: str
    organ: str
    auroc: float
    pearson_r: float
    auroc_px: float
    auroc_tissue: float = float("nan")
    pearson_r_tissue: float = float("nan")
    dice: float = float("nan")
    label_fraction: float = float("nan")
    predicted_fraction: float = float("nan")

    def as_dict(self) -> dict[str, object]:
        """Return plain values; None where a figure is undefined, as JSON has no NaN."""
        return {name: None if value != value else value for name, value in asdict(self).items()}


def core_probability(network: StromaNetwork, core: Sample) -> NDArray[np.float32]:
    """Return the network's probability on a whole sample, float32, (H, W)."""
    stride = network.spec.stride_px
    height, width = core.rgb.shape[:2]
    pad = ((0, -height % stride), (0, -width % stride), (0, 0))
    tile = torch.from_numpy(np.pad(core.rgb, pad, mode="reflect")[None])
    with torch.no_grad():
        chance = torch.sigmoid(network(tile))[0, 0, :height, :width]
    return np.asarray(chance.numpy(), dtype=np.float32)


def eosin_amount(core: Sample) -> NDArray[np.float32]:
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
    smooth, smooth_shg = (ndimage.gaussian_filter(m, _BLUR_PX) for m in (values, core.shg))
    inside, tissue = core.inside, core.tissue
    result = CoreResult(
        core=core.name,
        organ=core.organ,
        auroc=_auroc(smooth[inside], smooth_shg[inside]),
        pearson_r=_pearson_r(smooth[inside], smooth_shg[inside]),
        auroc_px=_auroc(values[inside], core.shg[inside]),
        auroc_tissue=_auroc(smooth[tissue], smooth_shg[tissue]),
        pearson_r_tissue=_pearson_r(smooth[tissue], smooth_shg[tissue]),
    )
    if threshold is None:
        return result
    found, label = (values >= threshold) & tissue, collagen_label(core)
    total = found.sum() + label.sum()
    return replace(
        result,
        dice=float(2 * (found & label).sum() / total) if total else float("nan"),
        label_fraction=float(label.sum() / tissue.sum()),
        predicted_fraction=float(found.sum() / tissue.sum()),
    )


def _pearson_r(values: NDArray[np.float32], shg: NDArray[np.float32]) -> float:
    if min(np.ptp(values), np.ptp(shg)) < 1e-6:  # what blurring leaves of a constant
        return float("nan")
    return float(np.corrcoef(values, shg)[0, 1])


def _auroc(values: NDArray[np.float32], shg: NDArray[np.float32]) -> float:
    """Area under the ROC curve against SHG above its Otsu threshold; NaN without both classes."""
    bright = shg > otsu_threshold(shg)
    if not bright.any() or bright.all():
        return float("nan")
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / max(high - low, 1e-12)  # torchmetrics expects 0..1; order is kept
    return float(binary_auroc(torch.from_numpy(scaled), torch.from_numpy(bright)))


def area_threshold(cores: Sequence[Core], maps: Sequence[NDArray[np.float32]]) -> float:
    """Return the threshold at which predicted and labelled collagen areas agree over all cores."""
    labelled = sum(int(collagen_label(core).sum()) for core in cores)
    values = np.concatenate([m[core.tissue] for core, m in zip(cores, maps, strict=True)])
    return float(np.quantile(values, 1 - labelled / len(values)))


def mean_of(results: Sequence[CoreResult], name: str) -> float:
    """Return the mean of a figure over cores, leaving out undefined ones; NaN if none is left."""
    values = np.array([getattr(result, name) for result in results], dtype=np.float64)
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
