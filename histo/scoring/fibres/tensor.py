"""Which way fibres run and how clearly: the structure tensor, inside a mask only.

``J = Gρ * (∇Iσ ∇Iσᵀ)`` with both Gaussians in µm. Directions of fibres are axial (a fibre has no
front end), in degrees, 0 to 180, counter-clockwise on the screen from the column axis: 0 runs
along a row, 45 climbs to the right, 90 runs along a column. Rows point down in the array, so
the row component of a gradient changes its sign.

What lies outside the mask changes nothing. Both convolutions are normalised (Knutsson and Westin
1993, 10.1109/CVPR.1993.341081): ``Iσ = Gσ*(mI) / Gσ*m`` is differentiated as a quotient, which
gives exactly 0 for a constant up to the very edge, and products of gradients are averaged with
the share of the gradient's window that lies inside as their certainty.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring.fibres.gaussian import gaussian_derivatives, gaussian_mean

__all__ = [
    "OrientationField",
    "TensorScales",
    "coherency_noise_floor",
    "noise_sd",
    "orientation_field",
]

Float = NDArray[np.float64]
_SLOPES = ((0, 0), (1, 0), (0, 1))
_SEED = 20240501
_WINDOWS = 32
"""Side of the simulated noise in units of ρ: about 80 independent windows."""


@dataclass(frozen=True)
class TensorScales:
    """Scales of the structure tensor.

    Attributes
    ----------
    sigma_um
        Scale of the gradient: finer texture is taken for noise.
    rho_um
        Scale over which directions are averaged; the window's effective area is 4πρ².
    energy_ratio
        A pixel has a direction where its gradient energy is above this many times that of the
        image's own noise. At the limit, noise lowers the coherency by the inverse of it.
    """

    sigma_um: float = 1.0
    rho_um: float = 8.0
    energy_ratio: float = 4.0

    def __post_init__(self) -> None:
        if not (self.sigma_um > 0 and self.rho_um > 0 and self.energy_ratio >= 0):
            raise ValueError(f"scales are above 0 and the energy ratio at least 0, found {self}")

    def pixels(self, scale_um: float, spacing: Spacing) -> tuple[float, float]:
        """Return a scale in pixels, (row, col)."""
        return scale_um / spacing.row, scale_um / spacing.col


@dataclass(frozen=True, eq=False)
class OrientationField:
    """Direction and coherency of every pixel that has one.

    Attributes
    ----------
    angle_deg : ndarray of float64, shape (H, W)
        Direction of the fibre, [0, 180), counter-clockwise on the screen from the column axis;
        NaN where ``oriented`` is not.
    coherency : ndarray of float64, shape (H, W)
        0 no direction, 1 one direction only; NaN where ``oriented`` is not.
    energy : ndarray of float64, shape (H, W)
        Trace of J, (intensity/µm)²; 0 outside the mask.
    oriented : ndarray of bool, shape (H, W)
        Inside the mask, with energy above the noise.
    noise_sd
        Noise of a pixel as estimated, in units of the intensity.
    noise_floor
        Median coherency of white noise at these scales: what "no direction" reads.
    """

    angle_deg: Float
    coherency: Float
    energy: Float
    oriented: NDArray[np.bool_]
    noise_sd: float
    noise_floor: float


def orientation_field(
    intensity: NDArray[np.floating],
    mask: NDArray[np.bool_],
    spacing: Spacing,
    scales: TensorScales | None = None,
) -> OrientationField:
    """Return the direction and coherency of fibres inside a mask.

    ``C = sqrt((Jxx − Jyy)² + 4 Jxy²) / (Jxx + Jyy)`` and
    ``θ = ½ atan2(2 Jxy, Jxx − Jyy) + 90°``. Only ratios of J enter, so neither the offset nor
    the gain of the intensity matters.

    Parameters
    ----------
    intensity : ndarray of float, shape (H, W)
        Any quantity that follows the fibres, such as the density of the collagen's stain.
    mask : ndarray of bool, shape (H, W)
        Where to look; pixels that are not finite are left out of it.
    spacing
        µm/px; rows and columns may differ.
    scales
        None takes the defaults.

    Raises
    ------
    ValueError
        If the shapes differ, or sigma is under 0.7 px: a sampled Gaussian so narrow turns angles.
    """
    scales = scales or TensorScales()
    sigma_px = scales.pixels(scales.sigma_um, spacing)
    if min(sigma_px) < 0.7:
        raise ValueError(
            f"sigma is at least 0.7 px, found {scales.sigma_um:g} µm at {spacing.mean:.3g} µm/px; "
            "raise sigma_um or read finer pixels"
        )
    values, inside = _checked(intensity, mask)
    jxx, jyy, jxy = _tensor(values, inside, spacing, scales)
    energy = jxx + jyy
    sd = noise_sd(values, inside)
    # Variance of a Gaussian derivative of white noise, both axes: s² (pixel area) / (4πσ⁴).
    noise = sd**2 * spacing.row * spacing.col / (4 * np.pi * scales.sigma_um**4)
    rounding = (1e-6 * float(np.abs(values).max(initial=0.0)) / scales.sigma_um) ** 2
    oriented = inside & (energy > max(scales.energy_ratio * noise, rounding))
    safe = np.where(oriented, energy, 1.0)
    coherency = np.minimum(np.hypot(jxx - jyy, 2 * jxy) / safe, 1.0)
    angle = np.rad2deg(0.5 * np.arctan2(2 * jxy, jxx - jyy)) + 90
    angle = np.where(angle >= 180, angle - 180, angle)
    return OrientationField(
        np.where(oriented, angle, np.nan),
        np.where(oriented, coherency, np.nan),
        energy,
        oriented,
        sd,
        coherency_noise_floor(sigma_px, scales.pixels(scales.rho_um, spacing)),
    )


def noise_sd(intensity: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Estimate the noise of a pixel from the finest diagonal detail inside a mask.

    ``MAD{(a − b − c + d)/2} / 0.6745`` over squares of 2 x 2 pixels (Donoho and Johnstone 1994,
    10.1093/biomet/81.3.425). Structure of several pixels does not enter. NaN-free: 0 where the
    mask holds no square.
    """
    whole = mask[:-1, :-1] & mask[:-1, 1:] & mask[1:, :-1] & mask[1:, 1:]
    detail = intensity[:-1, :-1] - intensity[:-1, 1:] - intensity[1:, :-1] + intensity[1:, 1:]
    inside = detail[whole]
    return float(np.median(np.abs(inside)) / 2 / 0.6745) if inside.size else 0.0


def coherency_noise_floor(sigma_px: tuple[float, float], rho_px: tuple[float, float]) -> float:
    """Median coherency of white noise at these scales, (row, col) in pixels.

    Simulated from a fixed seed and kept; about 5 % wide. White noise does not give 0, since a
    window of ρ averages a finite number of independent gradients.
    """
    return _simulated_floor(
        (round(sigma_px[0], 2), round(sigma_px[1], 2)), (round(rho_px[0], 1), round(rho_px[1], 1))
    )


@lru_cache(maxsize=64)
def _simulated_floor(sigma_px: tuple[float, float], rho_px: tuple[float, float]) -> float:
    shape = [int(np.clip(np.ceil(_WINDOWS * rho), 128, 1024)) for rho in rho_px]
    noise = np.random.default_rng(_SEED).standard_normal(shape)
    slopes = gaussian_derivatives(noise, sigma_px, [(1, 0), (0, 1)], periodic=True)
    # Derivatives per row and per column are brought to one unit by the scale itself.
    up, right = -sigma_px[0] * slopes[0], sigma_px[1] * slopes[1]
    jxx, jyy, jxy = (
        gaussian_mean(product, rho_px, periodic=True)
        for product in (right * right, up * up, right * up)
    )
    return float(np.median(np.hypot(jxx - jyy, 2 * jxy) / (jxx + jyy)))


def _checked(
    intensity: NDArray[np.floating], mask: NDArray[np.bool_]
) -> tuple[Float, NDArray[np.bool_]]:
    """Return the intensity as float64, 0 outside the mask, and the mask of finite pixels."""
    values = np.asarray(intensity, dtype=np.float64)
    if values.ndim != 2 or values.shape != mask.shape:
        raise ValueError(
            f"intensity and mask share a 2-D shape, found {values.shape}, {mask.shape}"
        )
    inside = mask & np.isfinite(values)
    return np.where(inside, values, 0.0), inside


def _tensor(
    values: Float, inside: NDArray[np.bool_], spacing: Spacing, scales: TensorScales
) -> tuple[Float, Float, Float]:
    """Jxx, Jyy, Jxy with x to the right and y up; 0 outside the mask."""
    sigma_px = scales.pixels(scales.sigma_um, spacing)
    rho_px = scales.pixels(scales.rho_um, spacing)
    share, share_down, share_right = gaussian_derivatives(
        inside.astype(np.float64), sigma_px, _SLOPES
    )
    total, total_down, total_right = gaussian_derivatives(values, sigma_px, _SLOPES)
    safe = np.where(inside, share, np.inf)
    # The quotient rule; the row axis points down.
    up = -(total_down - total / safe * share_down) / safe / spacing.row
    right = (total_right - total / safe * share_right) / safe / spacing.col
    # On a straight edge half of the window is inside: the quotient turns oblique stripes there.
    certainty = np.where(inside, np.clip(2 * share - 1, 0.0, 1.0), 0.0)
    norm = gaussian_mean(certainty, rho_px)
    safe_norm = np.where(inside & (norm > 1e-6), norm, np.inf)
    jxx, jyy, jxy = (
        gaussian_mean(certainty * product, rho_px) / safe_norm
        for product in (right * right, up * up, right * up)
    )
    return jxx, jyy, jxy
