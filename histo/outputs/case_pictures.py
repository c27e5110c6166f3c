"""``cases.png``: the best, the median and the worst rows, each beside its labels and its map."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from histo.outputs.drawing import (
    Colour,
    blend,
    draw_text,
    length_label,
    round_length_um,
    text_width,
)
from histo.scoring import uint8_threshold
from histo.vocabulary import COLOURS, RESEARCH_USE, Component

__all__ = ["Case", "CasePicture", "write_cases"]

_PANEL_PX = 480
_MARGIN, _GAP = 28, 16
_TITLE, _TEXT = 26, 18
_GREY: Colour = (95, 95, 95)
_INK: Colour = (20, 20, 20)
_HEADINGS = ("slide", "annotation; grey: nothing known", "probability; line: threshold")


@dataclass(frozen=True, eq=False)
class CasePicture:
    """A window of a slide with its labels and its map, all of one shape (H, W).

    Attributes
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3).
    components
        Names of the C planes.
    present, known
        ndarray of bool, shape (C, H, W).
    level
        ndarray of uint8, shape (C, H, W): probability, 255 = 1.0.
    um_per_px
        Of the window.
    """

    rgb: NDArray[np.uint8]
    components: tuple[Component, ...]
    present: NDArray[np.bool_]
    known: NDArray[np.bool_]
    level: NDArray[np.uint8]
    um_per_px: float

    def save(self, path: Path) -> None:
        """Write it to a file of NumPy's, to be read by `CasePicture.load`."""
        np.savez(
            path,
            rgb=self.rgb,
            components=np.array([str(c) for c in self.components]),
            present=self.present,
            known=self.known,
            level=self.level,
            um_per_px=self.um_per_px,
        )

    @classmethod
    def load(cls, path: Path) -> "CasePicture":
        """Read what `save` wrote."""
        with np.load(path) as values:
            return cls(
                values["rgb"],
                tuple(Component(str(name)) for name in values["components"]),
                values["present"],
                values["known"],
                values["level"],
                float(values["um_per_px"]),
            )


@dataclass(frozen=True, eq=False)
class Case:
    """A row to be looked at.

    Attributes
    ----------
    rank
        "best", "median" or "worst".
    name
        Of the row.
    component
        Of which component.
    quality
        The figure of the whole row that it is ranked by: "Dice 0.91", say.
    picture
        The window of it that is drawn.
    """

    rank: str
    name: str
    component: Component
    quality: str
    picture: CasePicture


def write_cases(path: Path, cases: Sequence[Case], thresholds: dict[Component, float]) -> None:
    """Write a page with a line of three pictures for each case.

    The picture's file holds no text chunks.
    """
    lines = [_line(case, thresholds[case.component]) for case in cases]
    width = max(line.width for line in lines)
    height = sum(line.height for line in lines) + _MARGIN
    page = Image.new("RGB", (width, height), (255, 255, 255))
    top = 0
    for line in lines:
        page.paste(line, (0, top))
        top += line.height
    draw_text(ImageDraw.Draw(page), (_MARGIN, height - 10), RESEARCH_USE, 14, _GREY)
    page.save(path, format="PNG", optimize=True)


def _line(case: Case, threshold: float) -> Image.Image:
    """Draw a case: words, and below them slide, labels and map side by side."""
    plane = case.picture.components.index(case.component)
    panels = [_fitted(panel) for panel in _panels(case.picture, plane, case.component, threshold)]
    high, wide = panels[0].height, panels[0].width
    head = _MARGIN + _TITLE + _TEXT + 14
    title = f"{case.component}, {case.rank}: {case.quality} ({case.name})"
    columns = [_MARGIN + place * (max(wide, 300) + _GAP) for place in range(3)]
    right = max(columns[-1] + max(wide, 300), _MARGIN + text_width(title, _TITLE))
    line = Image.new("RGB", (int(right) + _MARGIN, head + high + _GAP), (255, 255, 255))
    draw = ImageDraw.Draw(line)
    draw_text(draw, (_MARGIN, _MARGIN + _TITLE - 6), title, _TITLE, _INK)
    for x, panel, words in zip(columns, panels, _HEADINGS, strict=True):
        draw_text(draw, (x, head - 8), words, _TEXT, _GREY)
        line.paste(panel, (x, head))
    _scale_bar(draw, (columns[0], head + high), case.picture, wide)
    return line


def _panels(
    picture: CasePicture, plane: int, component: Component, threshold: float
) -> list[NDArray[np.uint8]]:
    colour = COLOURS[component]
    rgb = picture.rgb.astype(np.float32)
    known, present, level = picture.known[plane], picture.present[plane], picture.level[plane]
    pale = blend(rgb, (255, 255, 255), np.full(known.shape, 0.25, np.float32))
    labelled = np.where(known[..., None], rgb, blend(rgb, (128, 128, 128), _veil(known)))
    labelled = blend(labelled, colour, present.astype(np.float32) * np.float32(0.25))
    mapped = blend(pale, colour, level.astype(np.float32) / 255 * np.float32(0.75))
    labelled[_rim(present)] = _INK
    mapped[_rim(level >= uint8_threshold(threshold))] = _INK
    return [np.clip(panel, 0, 255).astype(np.uint8) for panel in (rgb, labelled, mapped)]


def _veil(known: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(known, np.float32(0), np.float32(0.6))


def _rim(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rim: NDArray[np.bool_] = mask & ~ndimage.binary_erosion(mask, border_value=1)
    return rim


def _fitted(panel: NDArray[np.uint8]) -> Image.Image:
    """Enlarge or reduce a panel so that its longer side is that of the page's panels."""
    height, width = panel.shape[:2]
    scale = _PANEL_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST
    return Image.fromarray(panel).resize(size, how)


def _scale_bar(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], picture: CasePicture, wide: int
) -> None:
    um_per_px = picture.um_per_px * picture.rgb.shape[1] / wide
    length_um = round_length_um(0.3 * wide * um_per_px)
    x, y = corner[0] + 12, corner[1] - 14
    end, words = x + length_um / um_per_px, length_label(length_um)
    top, right = y - 26, max(end, x + text_width(words, _TEXT)) + 8
    draw.rectangle([x - 8, top, right, y + 8], fill=(255, 255, 255))
    draw.rectangle([x, y - 3, end, y + 1], fill=_INK)
    draw_text(draw, (x, y - 8), words, _TEXT, _INK)
