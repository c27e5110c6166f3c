"""Samples straight from slides: a patch, what it should give, and where that is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from histo.geometry import Box, Spacing
from histo.slides import Slide, native_spacing
from histo.slides.protocol import Readable
from histo.slides.relit import Look, Recolouring, recoloured
from histo.training.config import AugmentationConfig
from histo.training.manifests.manifest import Manifest
from histo.training.samples.augment import augmentation
from histo.training.samples.epoch_sampler import EpochSampler
from histo.training.samples.glass_exchange import glass_patches, on_glass
from histo.training.samples.open_rows import OpenRow, OpenRows
from histo.training.samples.place_draw import HardPlaces, Place, PlaceDraw
from histo.training.samples.slide_places import survey
from histo.vocabulary import Component

__all__ = ["SampleSettings", "SlideSamples"]

_JITTER = 0.25  # of a tile: a drawn place lies somewhere in the middle half, not at the centre
_SAME = 0.03  # scales nearer to 1 are read on the slide's own pixel grid


_AS_IT_IS = Look()


@dataclass(frozen=True)
class SampleSettings:
    """What samples are like.

    Attributes
    ----------
    um_per_px
        Size of a tile's pixels; a slide's own pixels, or whole multiples, within 3 % serve.
    tile_px
        Side of a tile.
    count
        Samples an epoch.
    seed
        Another seed, other samples.
    absent_share
        Share of samples drawn where the drawn component is known to be absent.
    hard_share
        Share of samples from the list of hard places, once there is one.
    glass_share
        Share of augmented samples seen on another slide's glass.
    look
        Light and dyes that slides are brought to, as before inference.
    open_slides
        Slides a worker process holds open at most.
    stretch
        For so many samples the same few slides serve, no more than may be open; then others are
        drawn. 0: any slide at any time, which is best while all slides may stay open; otherwise
        files would be opened, and annotations parsed, for nearly every sample.
    draw_by
        Who is drawn alike: patients, or sites, where one has many small images and another a few
        large ones; within a site places are drawn by their area. A row without a site is one.
    """

    um_per_px: float
    tile_px: int = 512
    count: int = 8000
    seed: int = 0
    absent_share: float = 0.25
    hard_share: float = 0.0
    glass_share: float = 0.0
    look: Look = _AS_IT_IS
    open_slides: int = 8
    stretch: int = 0
    draw_by: Literal["patient", "site"] = "patient"

    def __post_init__(self) -> None:
        for name in ("absent_share", "hard_share", "glass_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is 0 to 1, found {getattr(self, name)}")
        for name in ("tile_px", "count", "open_slides", "um_per_px"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is above 0, found {getattr(self, name)}")


class SlideSamples(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Sample number ``n`` is sample ``n % count`` of epoch ``n // count``.

    It depends on the manifest, the settings, the list of hard places and ``n`` alone: not on the
    worker that makes it, nor on the samples before. A component is drawn, then a patient who has
    it, then a place on tissue; the tile covers the place somewhere in its middle half. Augmented,
    a sample is read at a drawn µm/px, so neither pixels nor labels are scaled twice.

    Parameters
    ----------
    manifest
        Slides and annotations.
    components
        What the planes are of, in this order.
    settings
        What samples are like.
    split
        Rows of which split; every row if empty.
    changes
        Random changes; none if None.
    tell
        Called with rows surveyed and rows in all.

    Attributes
    ----------
    hard
        The list of hard places; set it between epochs.

    Raises
    ------
    ConfigError
        If a row has a fault, or nothing is known of the components.
    """

    def __init__(
        self,
        manifest: Manifest,
        components: Sequence[Component],
        settings: SampleSettings,
        *,
        split: str = "",
        changes: AugmentationConfig | None = None,
        tell: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        places = survey(manifest, split=split, tell=tell)
        if settings.draw_by == "site":
            rows = manifest.rows
            places = tuple(replace(p, patient=rows[p.row].site or p.patient) for p in places)
        self.components, self.settings = tuple(components), settings
        self.hard = HardPlaces()
        self._places = PlaceDraw(places, self.components, settings.absent_share)
        self._few: tuple[tuple[int, int], PlaceDraw] | None = None
        self._glass = {found.row: found.glass for found in places}
        self._changes: dict[int, Recolouring | None] = {}
        self._rows = OpenRows(manifest, settings.open_slides)
        self._scale = changes.scale if changes else (1.0, 1.0)
        self._transform = None
        self._patches = np.empty((0, 1, 1, 3), np.uint8)
        if changes is not None:
            kept = changes.model_copy(update={"scale": (1.0, 1.0)})
            self._transform = augmentation(kept, settings.tile_px)
            if settings.glass_share:
                self._patches = glass_patches(manifest, places, settings.um_per_px)

    def __len__(self) -> int:
        """Return how many samples an epoch has."""
        return self.settings.count

    def sampler(self, *, rank: int = 0, world_size: int = 1) -> EpochSampler:
        """Return the order for a loader."""
        return EpochSampler(self.settings.count, rank=rank, world_size=world_size)

    def place(self, number: int) -> Place:
        """Return the place that a sample is of, for a list of hard ones."""
        return self._drawn(number, self._generator(number))

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return tile (H, W, 3) uint8, target and weight (C, H, W) float32.

        The target is the share of a pixel that the component covers; the weight is 0 where that is
        unknown, and outside the slide.
        """
        if get_worker_info() is not None:
            cv2.setNumThreads(1)  # workers are the parallelism
        draw = self._generator(number)
        place = self._drawn(number, draw)
        opened = self._rows[place.row]
        grid = self._grid(opened.slide, draw)
        box = self._box(place, grid, opened.slide, draw)
        tile = self._source(place, opened.slide).read(box, grid)
        planes = self._planes(opened, box, grid)
        if self._transform is not None:
            if len(self._patches) and draw.random() < self.settings.glass_share:
                patch = self._patches[draw.integers(len(self._patches))]
                tile = on_glass(tile, self._glass_of(place, opened.slide), patch)
            self._transform.set_random_seed(int(draw.integers(2**31)))
            changed = self._transform(image=tile, mask=planes)
            tile, planes = changed["image"], changed["mask"]
        return torch.from_numpy(np.ascontiguousarray(tile)), *_target_and_weight(planes)

    def _source(self, place: Place, slide: Slide) -> Readable:
        if place.row not in self._changes:
            glass = self._glass.get(place.row, slide.glass)
            self._changes[place.row] = self.settings.look.recolouring(slide, glass)
        return recoloured(slide, self._changes[place.row])

    def _glass_of(self, place: Place, slide: Slide) -> NDArray[np.uint8]:
        """Return the glass of a sample, as it is after its light was changed."""
        level = self.settings.look.glass_level
        if level is not None:
            return np.full(3, level, np.uint8)
        return self._glass.get(place.row, slide.glass)

    def _generator(self, number: int) -> np.random.Generator:
        epoch, index = divmod(number, self.settings.count)
        return np.random.default_rng((self.settings.seed, epoch, index))

    def _drawn(self, number: int, draw: np.random.Generator) -> Place:
        if draw.random() < self.settings.hard_share and len(self.hard):
            return self.hard.draw(draw)
        return self._places_for(number).draw(draw)[1]

    def _places_for(self, number: int) -> PlaceDraw:
        """Return the places of all slides, or of the few that serve for a stretch of samples."""
        settings = self.settings
        if not settings.stretch:
            return self._places
        epoch, index = divmod(number, settings.count)
        stretch = (epoch, index // settings.stretch)
        if self._few is None or self._few[0] != stretch:
            draw = np.random.default_rng((settings.seed, *stretch, 1))
            self._few = stretch, self._places.fewer(draw, settings.open_slides)
        return self._few[1]

    def _grid(self, slide: Slide, draw: np.random.Generator) -> Spacing:
        """Return the spacing to read at: that of the settings, or a drawn one about it."""
        plain = native_spacing(slide, self.settings.um_per_px)
        smallest, largest = self._scale
        # A scale of 2 shows things twice as large, so pixels are half as large.
        scale = float(np.exp(draw.uniform(np.log(smallest), np.log(largest))))
        return plain if abs(scale - 1) <= _SAME else plain.scaled(1 / scale)

    def _box(self, place: Place, grid: Spacing, slide: Slide, draw: np.random.Generator) -> Box:
        """Return a tile that holds a place, within the slide where that is large enough."""
        side = self.settings.tile_px
        corner = []
        for um, um_per_px, length in zip(
            (place.row_um, place.col_um), grid.pair, slide.frame_shape(grid), strict=True
        ):
            centre = um / um_per_px + draw.uniform(-_JITTER, _JITTER) * side
            room = length - side
            start = min(max(round(centre - side / 2), 0), room) if room > 0 else room // 2
            corner.append(int(start))
        return Box(corner[0], corner[1], side, side)

    def _planes(self, opened: OpenRow, box: Box, grid: Spacing) -> NDArray[np.uint8]:
        """Return present, then known, of each component, 0 or 255, (H, W, 2 C)."""
        count = len(self.components)
        planes = np.zeros((*box.shape, 2 * count), np.uint8)
        inside = box.intersect(Box(0, 0, *opened.slide.frame_shape(grid)))
        if opened.labels is None or not inside:
            return planes
        labels = opened.labels.planes(inside, grid)
        rows, cols = inside.shift(-box.row, -box.col).slices
        for index, component in enumerate(self.components):
            if component in labels.components:
                found = labels.components.index(component)
                planes[rows, cols, index] = labels.present[found] * np.uint8(255)
                planes[rows, cols, count + index] = labels.known[found] * np.uint8(255)
        return planes


def _target_and_weight(planes: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Part planes; a pixel is known if all pixels it was interpolated from are."""
    stacked = torch.from_numpy(np.ascontiguousarray(planes.transpose(2, 0, 1)))
    count = len(stacked) // 2
    weight = (stacked[count:] == 255).float()
    return stacked[:count].float() / 255 * weight, weight
