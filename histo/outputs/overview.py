"""``overview.png``: the slide, and beside it what was found on it, in one picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from histo.geometry import Spacing
from histo.outputs.coverage import Frame, component_coverage, mask_coverage
from histo.outputs.drawing import (
    Colour,
    blend,
    draw_text,
    hatch,
    length_label,
    round_length_um,
    text_width,
    wrapped,
)
from histo.outputs.overview_text import Entry, legend_entries, page_text
from histo.outputs.results import SlideDescription, SlideResults
from histo.vocabulary import COLOURS, Exclusion

__all__ = ["draw_overview", "overview_um_per_px", "write_overview"]

_LONGEST_PX = 1600
_MARGIN, _GAP = 32, 20
_LEAST_WIDTH = 900  # of the text; panels of tall slides are narrower
_PANELS_HEIGHT = 1170  # the rest of the page is text
_TITLE, _TEXT, _SMALL = 34, 22, 19
_GREY: Colour = (95, 95, 95)
_AMBER: Colour = (176, 84, 0)


@dataclass(frozen=True)
class _Layout:
    """Size of the two panels and how they lie."""

    height: int
    width: int
    stacked: bool

    @property
    def page_width(self) -> int:
        row = self.width if self.stacked else 2 * self.width + _GAP
        return max(row, _LEAST_WIDTH) + 2 * _MARGIN

    def corner(self, panel: int) -> tuple[int, int]:
        """Return (x, y) of a panel's upper-left corner below the header."""
        x, y = _MARGIN, 0
        return (
            (x, y + panel * (self.height + _GAP))
            if self.stacked
            else (
                x + panel * (self.width + _GAP),
                y,
            )
        )

    @property
    def panels_height(self) -> int:
        return 2 * self.height + _GAP if self.stacked else self.height


def _layout(slide: SlideDescription) -> _Layout:
    """Put the panels side by side, or one above the other if that shows the slide much larger."""
    high, wide = slide.shape[0] * slide.spacing.row, slide.shape[1] * slide.spacing.col
    room = _LONGEST_PX - 2 * _MARGIN
    beside = min((room - _GAP) / 2 / wide, _PANELS_HEIGHT / high)
    stacked = min(room / wide, (_PANELS_HEIGHT - _GAP) / 2 / high)
    scale = stacked if stacked > 1.15 * beside else beside
    return _Layout(max(1, round(high * scale)), max(1, round(wide * scale)), scale > beside)


def overview_um_per_px(slide: SlideDescription) -> float:
    """Return the spacing at which a thumbnail fills a panel of the overview, µm/px.

    Never finer than the slide itself; a finer or coarser thumbnail is resized.
    """
    height = slide.shape[0] * slide.spacing.row / _layout(slide).height
    width = slide.shape[1] * slide.spacing.col / _layout(slide).width
    return max(min(height, width), slide.spacing.mean)


def write_overview(path: Path, results: SlideResults) -> None:
    """Write ``overview.png``: headline, slide, slide with its components, legend, scale bar."""
    # Level 1: half the time of the default, 2 % larger.
    draw_overview(results).save(path, format="PNG", compress_level=1)


def draw_overview(results: SlideResults) -> Image.Image:
    """Return the overview as an RGB picture, at most about 1600 px along its longer side.

    The left (or upper) panel is the slide as it is. On the other the slide is faded, each
    component lies over it in its colour, as strong as the share of the pixel it covers, excluded
    tissue is hatched, and the tissue is outlined.
    """
    layout = _layout(results.slide)
    frame = _frame(results.slide, layout)
    plain = _resized(results.thumbnail, frame.shape)
    panels = [plain, _overlay(plain, results, frame)]
    header, footer = page_text(results), legend_entries(results)
    width = layout.page_width - 2 * _MARGIN
    top = _header_height(header, width)
    page = Image.new("RGB", (layout.page_width, _LONGEST_PX * 2), "white")
    draw = ImageDraw.Draw(page)
    _draw_header(draw, header, width)
    for index, panel in enumerate(panels):
        x, y = layout.corner(index)
        page.paste(Image.fromarray(panel), (x, y + top))
        box = (x - 1, y + top - 1, x + layout.width, y + top + layout.height)
        draw.rectangle(box, outline=(205, 205, 205))
    bottom = top + layout.panels_height
    _draw_scale_bar(draw, (_MARGIN, bottom + 30), frame.spacing.col, layout.width)
    bottom = _draw_legend(draw, footer, bottom + 66, width)
    return page.crop((0, 0, layout.page_width, bottom + _MARGIN))


def _frame(slide: SlideDescription, layout: _Layout) -> Frame:
    spacing = Spacing(
        slide.shape[0] * slide.spacing.row / layout.height,
        slide.shape[1] * slide.spacing.col / layout.width,
    )
    return Frame((layout.height, layout.width), spacing)


def _resized(rgb: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    image = Image.fromarray(np.ascontiguousarray(rgb)).convert("RGB")
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.LANCZOS))


def _overlay(plain: NDArray[np.uint8], results: SlideResults, frame: Frame) -> NDArray[np.uint8]:
    """Return the faded slide with components, hatched exclusions and the tissue's outline."""
    grey = plain.mean(axis=2, keepdims=True, dtype=np.float32)
    rgb: NDArray[np.float32] = 0.30 * plain + 0.45 * grey + np.float32(0.25 * 255)
    component_map, tissue_map = results.component_map, results.tissue_map
    if component_map is not None:
        for index, name in results.areas:
            cut = results.thresholds[name]
            covered = component_coverage(component_map, index, cut, tissue_map, frame)
            rgb = blend(rgb, COLOURS[name], np.float32(0.55) * covered)
    stripes = hatch(frame.shape)
    for index, reason in enumerate(Exclusion, start=1):
        excluded = tissue_map.tissue & (tissue_map.exclusion == index)
        if excluded.any():
            covered = mask_coverage(excluded, tissue_map.spacing, frame)
            rgb = blend(rgb, COLOURS[reason], stripes * covered)
    tissue = _smoothed(tissue_map.tissue, tissue_map.spacing, frame)
    rgb = blend(rgb, COLOURS["tissue"], _edge(tissue).astype(np.float32))
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _smoothed(mask: NDArray[np.bool_], spacing: Spacing, frame: Frame) -> NDArray[np.bool_]:
    """Return the mask in the frame, its stairs smoothed where the frame is finer."""
    height, width = mask.shape
    right = min(width, frame.shape[1] * frame.spacing.col / spacing.col)
    bottom = min(height, frame.shape[0] * frame.spacing.row / spacing.row)
    resized = Image.fromarray(mask.astype(np.uint8) * 255).resize(
        (frame.shape[1], frame.shape[0]), Image.Resampling.BILINEAR, box=(0, 0, right, bottom)
    )
    return np.asarray(resized) >= 128


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the outermost two pixels inside a mask; the picture's border is no edge."""
    inner = mask
    for _ in range(2):
        around = np.pad(inner, 1, mode="edge")
        inner = inner & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return mask & ~inner


_Lines = list[tuple[str, int, Colour]]


def _header_lines(header: list[tuple[str, str]], width: float) -> _Lines:
    style = {"title": (_TITLE, (20, 20, 20)), "text": (_TEXT, _GREY), "warning": (_TEXT, _AMBER)}
    return [
        (line, *style[kind])
        for kind, text in header
        for line in wrapped(text, style[kind][0], width)
    ]


def _header_height(header: list[tuple[str, str]], width: float) -> int:
    return _MARGIN + sum(round(size * 1.4) for _, size, _ in _header_lines(header, width)) + 14


def _draw_header(draw: ImageDraw.ImageDraw, header: list[tuple[str, str]], width: float) -> None:
    y = float(_MARGIN)
    for line, size, colour in _header_lines(header, width):
        draw_text(draw, (_MARGIN, y + size), line, size, colour)
        y += round(size * 1.4)


def _draw_scale_bar(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], um_per_px: float, panel_px: int
) -> None:
    """Draw a bar of a round length, at most a third of the panel (but 24 px to be seen)."""
    length_um = round_length_um(max(panel_px / 3, 24) * um_per_px)
    x, y = at
    end = x + length_um / um_per_px
    draw.rectangle((x, y - 4, end, y), fill=(20, 20, 20))
    draw_text(draw, (end + 12, y + 5), length_label(length_um), _TEXT)


def _draw_legend(draw: ImageDraw.ImageDraw, entries: list[Entry], top: float, width: float) -> int:
    """Draw swatches and labels, as many a row as fit; return the y below the last."""
    x, y, swatch = float(_MARGIN), top, 22
    for entry in entries:
        indent = swatch + 10 if entry.kind != "text" else 0
        for number, line in enumerate(wrapped(entry.label, _SMALL, width - indent)):
            advance = indent + text_width(line, _SMALL) + 34
            if x > _MARGIN and (number or x + advance - 34 > _MARGIN + width):
                x, y = float(_MARGIN), y + 32
            if number == 0 and indent:
                _draw_swatch(draw, (x, y, x + swatch, y + swatch), entry)
            draw_text(draw, (x + indent, y + 18), line, _SMALL, (50, 50, 50))
            x += advance
    return round(y + swatch)


def _draw_swatch(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], entry: Entry
) -> None:
    left, top, right, _ = box
    if entry.kind == "outline":
        draw.rectangle(box, outline=entry.colour, width=3)
    elif entry.kind == "fill":
        draw.rectangle(box, fill=entry.colour)
    else:
        pale = tuple(round(255 - 0.2 * (255 - channel)) for channel in entry.colour)
        draw.rectangle(box, fill=pale)
        side = round(right - left)
        for offset in range(0, 2 * side, 8):
            start = left + max(0, offset - side), top + min(offset, side)
            stop = left + min(offset, side), top + max(0, offset - side)
            draw.line([start, stop], entry.colour, 3)
        draw.rectangle(box, outline=entry.colour)
