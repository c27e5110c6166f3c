"""Sections drawn in code: how much of each pixel is tissue is known exactly."""

import numpy as np
from scipy import ndimage

GLASS = np.array([242, 240, 241], np.uint8)
PINK = np.array([0.06, 0.30, 0.15])


def coverage(outline, size_um, um_per_px=8.0, fine_um=0.5):
    """Share of each pixel inside ``outline(y, x)`` in µm, drawn at 0.5 µm; and the area in mm²."""
    fine = round(um_per_px / fine_um)
    pixels = round(size_um / um_per_px)
    axis = (np.arange(pixels * fine, dtype=np.float32) + 0.5) * fine_um
    share = np.zeros((pixels, pixels), np.float32)
    for row in range(pixels):
        strip = outline(axis[row * fine : (row + 1) * fine, None], axis[None, :])
        share[row] = strip.reshape(fine, pixels, fine).mean(axis=(0, 2))
    return share, float(share.sum()) * um_per_px**2 * 1e-6


def disc(radius_um, centre_um):
    return lambda y, x: (y - centre_um) ** 2 + (x - centre_um) ** 2 < radius_um**2


def blob(radius_um, centre_um):
    def inside(y, x):
        dy, dx = y - centre_um, x - centre_um
        angle = np.arctan2(dy, dx)
        waves = 0.15 * np.sin(3 * angle) + 0.08 * np.sin(11 * angle + 1) + 0.04 * np.sin(37 * angle)
        return np.hypot(dy, dx) < radius_um * (1 + waves)

    return inside


def stained(share, od=PINK, texture=0.15, seed=0, noise=1.0):
    """Picture of a section of that coverage with nuclei-like texture and camera noise."""
    rng = np.random.default_rng(seed)
    strength = 1 + texture * rng.normal(size=share.shape)
    od = np.asarray(od) * np.clip(strength, 0.3, 2)[..., None]
    light = GLASS * (1 - share[..., None] + share[..., None] * 10**-od)
    return to_bytes(light + rng.normal(0, noise, light.shape))


def stroke(shape, start, stop, width):
    """Soft-edged straight stroke of a pen, 0 to 1."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    along = np.subtract(stop, start)
    length = np.hypot(*along)
    t = ((y - start[0]) * along[0] + (x - start[1]) * along[1]) / length**2
    t = np.clip(t, 0, 1)
    distance = np.hypot(y - start[0] - t * along[0], x - start[1] - t * along[1])
    return ndimage.gaussian_filter((distance < width / 2).astype(float), 1.0)


def absorb(rgb, od, where):
    """Lay something of that density over the picture."""
    return to_bytes(rgb * 10 ** -(where[..., None] * np.asarray(od)))


def to_bytes(light):
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)
