"""Real tissue to paint on: a manifest of images, and pieces of them taken apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, cast

import numpy as np

from histo.errors import ConfigError
from histo.geometry import Box
from histo.slides import Slide, open_slide
from histo.stains.simulate import Tissue, brown_share, unmixed_tissue
from histo.training.config import PaintedData
from histo.training.shg.rows import read_rows, read_spacing

__all__ = ["Background", "Piece", "cut_pieces", "read_backgrounds"]

_COLUMNS = ("background", "image", "source", "split", "organ", "um_per_px", "box")
_SOURCES, _SPLITS = ("he", "hdab"), ("train", "val", "test")
_LEAST_COVER = 0.3  # tissue in a piece
_TRIES = 200


@dataclass(frozen=True)
class Background:
    """One image, or a part of one, of which pieces are cut.

    Attributes
    ----------
    path
        Any slide or image that histo opens.
    source
        How it was stained: "he" or "hdab".
    split
        "train", "val" or "test".
    um_per_px
        Spacing of its pixels.
    box
        Part of it in its own pixels; all of it if None.
    """

    name: str
    path: Path
    source: Literal["he", "hdab"]
    split: str
    organ: str
    um_per_px: float
    box: Box | None

    @cached_property
    def slide(self) -> Slide:
        """The image, opened when first asked for."""
        return open_slide(self.path, mpp=self.um_per_px)

    def frame(self, um_per_px: float) -> Box:
        """Return the part that may be used, in pixels of that spacing."""
        if self.box is None:
            return Box(0, 0, *self.slide.frame_shape(um_per_px))
        k = self.um_per_px / um_per_px
        sides = (self.box.row, self.box.col, self.box.height, self.box.width)
        return Box(*(int(side * k) for side in sides))


@dataclass(frozen=True, eq=False)
class Piece:
    """A square of tissue without its stain's colour, whence it is, and what it was drawn from."""

    tissue: Tissue
    background: str
    organ: str
    seed: tuple[int, ...]


def read_backgrounds(manifest: Path, root: Path) -> list[Background]:
    """Read a manifest of backgrounds.

    Columns: background (a name), image (relative to the data folder), source ("he" or "hdab"),
    split ("train", "val" or "test"), organ, um_per_px, and box: "all", or the part to use as
    row:col:height:width in the image's own pixels.

    Raises
    ------
    ConfigError
        With the row number, if a column, a cell or a file is missing or wrong.
    """
    return [_background(cells, where, root) for where, cells in read_rows(manifest, _COLUMNS)]


def _background(cells: dict[str, str], where: str, root: Path) -> Background:
    for column, allowed in (("source", _SOURCES), ("split", _SPLITS)):
        if cells[column] not in allowed:
            raise ConfigError(
                f"{where}: {column} is one of {', '.join(allowed)}, found '{cells[column]}'."
            )
    path = root / cells["image"]
    if not path.is_file():
        raise ConfigError(f"{where}: {cells['image']} is not in the data folder.")
    return Background(
        name=cells["background"],
        path=path,
        source=cast(Literal["he", "hdab"], cells["source"]),
        split=cells["split"],
        organ=cells["organ"],
        um_per_px=read_spacing(cells["um_per_px"], where).mean,
        box=_box(cells["box"], where),
    )


def _box(cell: str, where: str) -> Box | None:
    if cell == "all":
        return None
    try:
        row, col, height, width = map(int, cell.split(":"))
        return Box(row, col, height, width)
    except ValueError as fault:
        raise ConfigError(
            f"{where}: box is 'all' or row:col:height:width in pixels, found '{cell}'."
        ) from fault


def cut_pieces(
    backgrounds: Sequence[Background],
    data: PaintedData,
    side_px: int,
    *,
    scale: tuple[float, float],
    seed: Sequence[int],
    count: int,
) -> list[Piece]:
    """Cut pieces at random places and take them apart; organs come alike often.

    Parameters
    ----------
    backgrounds
        Of one split.
    data
        Spacing of the painting, and how brown an immunostained piece may be.
    side_px
        Side of a piece at that spacing.
    scale
        A piece is read as if its image had this many times its spacing, drawn uniformly.
    seed
        Piece number n depends on the seed and n alone.
    count
        How many pieces.

    Raises
    ------
    ConfigError
        If there is no background, or one has no piece of tissue without brown.
    """
    if not backgrounds:
        raise ConfigError(f"the manifest {data.manifest} has no background of a split it needs.")
    organs = sorted({background.organ for background in backgrounds})
    pieces = []
    for number in range(count):
        own = (*seed, number)
        # In turn, so that few pieces show every organ too.
        members = [b for b in backgrounds if b.organ == organs[number % len(organs)]]
        draw = np.random.default_rng(own)
        background = members[draw.integers(len(members))]
        tissue = _tissue(background, data, side_px, scale, draw)
        pieces.append(Piece(tissue, background.name, background.organ, own))
    return pieces


def _tissue(
    background: Background,
    data: PaintedData,
    side_px: int,
    scale: tuple[float, float],
    draw: np.random.Generator,
) -> Tissue:
    slide, largest = background.slide, 0
    for _ in range(_TRIES):
        um_per_px = data.paint_um_per_px / draw.uniform(*scale)
        frame = background.frame(um_per_px)
        room = frame.height - side_px, frame.width - side_px
        largest = max(largest, min(frame.height, frame.width))
        if min(room) < 0:
            continue
        row, col = (int(draw.integers(spare + 1)) for spare in room)
        rgb = slide.read(Box(frame.row + row, frame.col + col, side_px, side_px), um_per_px)
        if background.source == "hdab" and brown_share(rgb, slide.glass) > data.brown_share:
            continue
        tissue = unmixed_tissue(rgb, data.paint_um_per_px, background.source, slide.glass)
        if tissue.cover.mean() > _LEAST_COVER:
            return tissue
    if largest < side_px:
        raise ConfigError(
            f"{background.name} is {largest} px at {data.paint_um_per_px} µm/px, smaller than a "
            f"painting of {side_px} px; use a smaller optim.crop_px."
        )
    raise ConfigError(
        f"{background.name}: no piece of {side_px} px has tissue and next to no brown; "
        "leave it out of the manifest or raise data.brown_share."
    )
