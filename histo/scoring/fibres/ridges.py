"""Where fibres are: bright ridges of several widths, inside a mask only.

A ridge bends sharply across and hardly along: the negative eigenvalue of the Hessian across, less
the size of the one along, times σ², greatest over widths (Lindeberg 1998,
10.1023/A:1008097225773). A bar of half width σ that is h brighter than its surroundings answers
with 0.484 h, so thresholds are given as h, in units of the intensity.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Spacing
from histo.scoring.fibres.gaussian import gaussian_derivatives, gaussian_mean
from histo.scoring.fibres.tensor import noise_sd

__all__ = ["RidgeSettings", "fibre_mask", "ridge_contrast"]

Float = NDArray[np.float64]
_BAR_RESPONSE = 2 * np.exp(-0.5) / np.sqrt(2 * np.pi)
_NOISE_RESPONSE = np.sqrt(3 / (16 * np.pi))


@dataclass(frozen=True)
class RidgeSettings:
    """What passes for a fibre.

    Attributes
    ----------
    widths_um
        Widths of fibre looked for; thinner and thicker ones answer more weakly.
    contrast
        Least contrast of a fibre, in units of the intensity (OD).
    faint
        Share of ``contrast`` from which the rest of a fibre counts, once a part of it reached
        ``contrast`` (hysteresis; Canny 1986, 10.1109/TPAMI.1986.4767851).
    noise_ratio
        Least contrast in units of what white noise of the image's own strength answers.
    """

    widths_um: tuple[float, ...] = (1.5, 3.0, 6.0, 12.0)
    contrast: float = 0.06
    faint: float = 0.5
    noise_ratio: float = 5.0

    def __post_init__(self) -> None:
        if not self.widths_um or min(self.widths_um) <= 0 or not 0 < self.faint <= 1:
            raise ValueError(f"widths are above 0 and faint in (0, 1], found {self}")


def ridge_contrast(
    intensity: NDArray[np.floating],
    mask: NDArray[np.bool_],
    spacing: Spacing,
    settings: RidgeSettings | None = None,
) -> tuple[Float, float]:
    """Return the contrast of the bright ridge at every pixel, and what noise alone would answer.

    Parameters
    ----------
    intensity : ndarray of float, shape (H, W)
        Brighter on fibres; an optical density, not a colour.
    mask : ndarray of bool, shape (H, W)
        What lies outside is filled from within, so it changes nothing.
    spacing
        µm/px.
    settings
        None takes the defaults.

    Returns
    -------
    contrast : ndarray of float64, shape (H, W)
        In units of the intensity; 0 outside the mask and off the ridges.
    noise
        Standard deviation of the answer to white noise, at the finest width used.
    """
    settings = settings or RidgeSettings()
    values = np.asarray(intensity, dtype=np.float64)
    inside = mask & np.isfinite(values)
    values = np.where(inside, values, 0.0)
    sd = noise_sd(values, inside)
    filled = _filled(values, inside, spacing, max(settings.widths_um))
    best = np.zeros(values.shape)
    for width_um in settings.widths_um:
        np.maximum(best, _ridge(filled, spacing, width_um / 2), out=best)
    area_um = np.sqrt(spacing.row * spacing.col)
    noise = sd * area_um / (min(settings.widths_um) / 2) * _NOISE_RESPONSE / _BAR_RESPONSE
    return np.where(inside, best, 0.0), float(noise)


def fibre_mask(
    intensity: NDArray[np.floating],
    mask: NDArray[np.bool_],
    spacing: Spacing,
    settings: RidgeSettings | None = None,
) -> NDArray[np.bool_]:
    """Return where fibres are, ndarray of bool, shape (H, W); arguments as `ridge_contrast`.

    Ridges tell fibres from the rest but are wider than thin fibres; of a ridge the part above
    half height is kept, between the lowest and the highest density within the greatest width
    (Bernsen 1986), so that a bar has its own width. Fibres near the greatest width come out
    too thin.
    """
    settings = settings or RidgeSettings()
    contrast, noise = ridge_contrast(intensity, mask, spacing, settings)
    clear = max(settings.contrast, settings.noise_ratio * noise)
    high = _above_half(intensity, mask, spacing, settings)
    faint = high & (contrast >= settings.faint * clear)
    labels, count = ndimage.label(faint, np.ones((3, 3)))
    kept = np.zeros(count + 1, np.bool_)
    kept[labels[faint & (contrast >= clear)]] = True
    return np.asarray(kept[labels])


def _above_half(
    intensity: NDArray[np.floating],
    mask: NDArray[np.bool_],
    spacing: Spacing,
    settings: RidgeSettings,
) -> NDArray[np.bool_]:
    inside = mask & np.isfinite(intensity)
    values = np.where(inside, intensity, 0.0).astype(np.float64)
    widest_um, finest_um = max(settings.widths_um), min(settings.widths_um) / 4
    filled = _filled(values, inside, spacing, widest_um)
    smooth = gaussian_mean(filled, (finest_um / spacing.row, finest_um / spacing.col))
    reach = [1 + 2 * round(0.6 * widest_um / um) for um in spacing.pair]
    middle = (ndimage.maximum_filter(smooth, reach) + ndimage.minimum_filter(smooth, reach)) / 2
    return np.asarray(inside & (smooth > middle))


def _ridge(filled: Float, spacing: Spacing, sigma_um: float) -> Float:
    """Contrast of bright ridges at one scale; what bends along too, such as a spot, is less."""
    sigma_px = (sigma_um / spacing.row, sigma_um / spacing.col)
    down, right, mixed = gaussian_derivatives(filled, sigma_px, [(2, 0), (0, 2), (1, 1)])
    down, right = down / spacing.row**2, right / spacing.col**2
    mixed = mixed / (spacing.row * spacing.col)
    half, root = (down + right) / 2, np.hypot((down - right) / 2, mixed)
    bend = root - half - np.abs(half + root)
    return np.asarray(np.maximum(bend, 0.0) * (sigma_um**2 / _BAR_RESPONSE))


def _filled(values: Float, inside: NDArray[np.bool_], spacing: Spacing, width_um: float) -> Float:
    """Continue the inside smoothly outwards, about 0: a mask's edge must not look like a ridge."""
    if not inside.any():
        return values
    mean = float(values[inside].mean())
    sigma_px = (width_um / spacing.row, width_um / spacing.col)
    weight = gaussian_mean(inside.astype(np.float64), sigma_px)
    near = gaussian_mean(np.where(inside, values - mean, 0.0), sigma_px)
    filled = np.where(weight > 1e-3, near / np.maximum(weight, 1e-3), 0.0)
    return np.where(inside, values - mean, filled)
