"""Text, colour and scale bars on a Pillow image."""

from functools import cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont

__all__ = [
    "blend",
    "draw_text",
    "hatch",
    "length_label",
    "round_length_um",
    "text_width",
    "wrapped",
]

Colour = tuple[int, int, int]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that comes with Pillow: the same on every system, no file to find."""
    return ImageFont.load_default(size)


def _runs(text: str) -> list[str]:
    return ["".join(run) for _, run in groupby(text, key=lambda c: c if c in "µ²" else "")]


def _glyph(run: str, size: int) -> tuple[str, int]:
    """Return what stands for a run: Pillow's font has no µ and no ²."""
    if run[0] == "²":
        return "2" * len(run), max(8, round(size * 0.62))
    return run.replace("µ", "u"), size


def text_width(text: str, size: int) -> float:
    """Width of a line of text in pixels."""
    return sum(_font(s).getlength(t) for t, s in (_glyph(run, size) for run in _runs(text)))


def draw_text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    colour: Colour = (30, 30, 30),
) -> None:
    """Draw a line of text; ``at`` is the left end of its baseline, (x, y)."""
    x, baseline = at
    for run in _runs(text):
        shown, shown_size = _glyph(run, size)
        rise = size * 0.33 if run[0] == "²" else 0
        draw.text((x, baseline - rise), shown, colour, _font(shown_size), anchor="ls")
        if run[0] == "µ":  # the stroke that makes a u a µ
            stem = x + size * 0.105
            draw.line(
                [(stem, baseline - 2), (stem, baseline + size * 0.22)], colour, max(1, size // 12)
            )
        x += _font(shown_size).getlength(shown)


def wrapped(text: str, size: int, width: float) -> list[str]:
    """Break a text into lines no wider than that many pixels, between words."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def round_length_um(limit_um: float) -> float:
    """Return the longest of 1, 2, 5, 10, 20, 50 ... µm that is not above the limit.

    Examples
    --------
    >>> round_length_um(730.0)
    500.0
    """
    power = 10.0 ** np.floor(np.log10(limit_um))
    return float(power * max(step for step in (1, 2, 5) if step * power <= limit_um * (1 + 1e-9)))


def length_label(length_um: float) -> str:
    """Return the length with the unit a reader expects: µm below 1 mm, mm from there on."""
    return f"{length_um / 1000:g} mm" if length_um >= 1000 else f"{length_um:g} µm"


def blend(
    rgb: NDArray[np.float32], colour: Colour, alpha: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Lay a colour over a picture; alpha, shape (H, W), is 0 (clear) to 1 (solid)."""
    weight = alpha[..., None]
    blended: NDArray[np.float32] = rgb * (1 - weight) + np.array(colour, np.float32) * weight
    return blended


def hatch(shape: tuple[int, int], period_px: int = 10) -> NDArray[np.float32]:
    """Return the alpha of diagonal stripes over a light tint."""
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    stripes = (rows + cols) % period_px < 0.35 * period_px
    return np.where(stripes, np.float32(0.85), np.float32(0.2))
