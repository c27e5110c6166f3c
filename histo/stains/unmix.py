"""How much of each stain a pixel holds."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["unmix"]

_PARALLEL_DEGREES = 3.0
# Vectors closer than this share nearly all of their light; their amounts would be noise.


def unmix(od: NDArray[np.floating], vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Amount of each stain, by least squares in optical-density space.

    Solves min ||od - amounts @ vectors||² per pixel through the pseudo-inverse (Ruifrok and
    Johnston 2001). With two stains the part of the colour neither explains is left over; with
    three the fit is exact. Amounts are not clipped at 0, so that noise averages out.

    Parameters
    ----------
    od
        ndarray of float, shape (..., 3), from `optical_density`.
    vectors
        ndarray of float, shape (S, 3), S = 1 to 3: colour of each stain; scaled to length 1 here.

    Returns
    -------
    ndarray of float32, shape (..., S)
        Decades along each unit vector.

    Raises
    ------
    ValueError
        If shapes do not fit, a vector is 0, or two are within 3 degrees (or all in one plane).

    Examples
    --------
    >>> hdab = np.array([[0.65, 0.70, 0.29], [0.27, 0.57, 0.78]])
    >>> unit = hdab / np.linalg.norm(hdab, axis=1, keepdims=True)
    >>> unmix(0.2 * unit[0] + 0.4 * unit[1], hdab).round(3).tolist()
    [0.20000000298023224, 0.4000000059604645]
    """
    density = np.asarray(od)
    matrix = np.asarray(vectors, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != 3 or not 1 <= len(matrix) <= 3:
        raise ValueError(f"vectors have shape (1 to 3, 3), found {matrix.shape}")
    if density.ndim < 1 or density.shape[-1] != 3:
        raise ValueError(f"od has shape (..., 3), found {density.shape}")
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not (np.isfinite(matrix).all() and (lengths > 0).all()):
        raise ValueError("a stain vector is finite and not 0")
    unit = matrix / lengths
    # For two unit vectors at angle a the smallest singular value is sqrt(2) sin(a / 2).
    floor = np.sqrt(2.0) * np.sin(np.deg2rad(_PARALLEL_DEGREES) / 2)
    if np.linalg.svd(unit, compute_uv=False)[-1] < floor:
        raise ValueError("stain vectors are too alike to be told apart; use fewer stains")
    return (density @ np.linalg.pinv(unit).astype(np.float32)).astype(np.float32)
