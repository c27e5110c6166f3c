"""Zones by distance: rings around the tumour nests, and the two sides of the invasive front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box, Spacing
from histo.scoring.places.amounts import AmountCounts, amount_scores
from histo.scoring.places.distances import distance_blocks
from histo.scoring.places.regions import Regions
from histo.scoring.score import Score

__all__ = [
    "NEST_EDGES_UM",
    "Zone",
    "ZoneCounts",
    "margin_zones",
    "nest_ring_map",
    "nest_zones",
    "zone_counts",
    "zone_map",
    "zone_scores",
]

Mask = NDArray[np.bool_]

NEST_EDGES_UM = (0.0, 20.0, 50.0, 100.0, 200.0, 500.0)
"""Edges of the rings around the nests."""

_STRIP_ROWS = 512


@dataclass(frozen=True)
class Zone:
    """A range of signed distance, µm; its edge away from the boundary belongs to it.

    Attributes
    ----------
    name
        Stable name; part of the names of scores.
    low_um, high_um
        Both at most 0 for a zone inside, both at least 0 for one outside.
    """

    name: str
    low_um: float
    high_um: float

    def __post_init__(self) -> None:
        if not (self.low_um < self.high_um <= 0 or 0 <= self.low_um < self.high_um):
            raise ValueError(
                "a zone lies on one side of the boundary, its lower edge first, "
                f"found {self.low_um} to {self.high_um} µm"
            )

    def contains(self, distance: NDArray[np.float32]) -> Mask:
        """Return where a signed distance lies in the zone; NaN and ±inf lie in none."""
        if self.high_um > 0:
            found: Mask = (distance > self.low_um) & (distance <= self.high_um)
        else:
            found = (distance >= self.low_um) & (distance < self.high_um)
        return found


def nest_zones(edges_um: Sequence[float] = NEST_EDGES_UM) -> tuple[Zone, ...]:
    """Return the rings around the tumour nests.

    Examples
    --------
    >>> [zone.name for zone in nest_zones((0, 20, 50))]
    ['nest_zone_0_20_um', 'nest_zone_20_50_um']
    """
    return tuple(
        Zone(f"nest_zone_{low:g}_{high:g}_um", low, high) for low, high in pairwise(edges_um)
    )


def margin_zones(margin_um: float = 500.0) -> tuple[Zone, Zone]:
    """Return the inner and the outer side of the invasive margin."""
    return Zone("margin_inner", -margin_um, 0.0), Zone("margin_outer", 0.0, margin_um)


def zone_map(
    inside: Mask,
    spacing: Spacing,
    zones: Sequence[Zone],
    *,
    outside: Mask | None = None,
    wanted: Mask | None = None,
) -> NDArray[np.uint8]:
    """Return the zone of every pixel, one byte a pixel.

    Parameters
    ----------
    inside, outside : ndarray of bool, shape (H, W)
        The sides of the boundary, as for :func:`histo.scoring.places.distances.signed_distance_um`.
    spacing
        µm/px.
    zones
        At most 255, not overlapping.
    wanted : ndarray of bool, shape (H, W), optional
        Pixels outside it may be left 0, which saves time.

    Returns
    -------
    ndarray of uint8, shape (H, W)
        0 = in no zone, else 1 + index in ``zones``; all 0 where there is no boundary.
    """
    reach_um = max(max(abs(zone.low_um), abs(zone.high_um)) for zone in zones)
    index = np.zeros(inside.shape, np.uint8)
    for box, distance in distance_blocks(
        inside, spacing, reach_um=reach_um, outside=outside, wanted=wanted
    ):
        for number, zone in enumerate(zones, start=1):
            index[box.slices][zone.contains(distance)] = number
    return index


@dataclass(frozen=True)
class ZoneCounts:
    """Pixels in each zone; parts that do not overlap are added with ``+``.

    Attributes
    ----------
    eligible_px
        Eligible pixels, one number a zone.
    positive_px
        For each component its eligible pixels, one number a zone.
    """

    eligible_px: tuple[int, ...]
    positive_px: Mapping[str, tuple[int, ...]]

    def __add__(self, other: "ZoneCounts") -> "ZoneCounts":
        if self.positive_px.keys() != other.positive_px.keys():
            raise ValueError("counts of different components do not add")
        return ZoneCounts(
            _added(self.eligible_px, other.eligible_px),
            {name: _added(px, other.positive_px[name]) for name, px in self.positive_px.items()},
        )

    def of(self, component: str, zone: int) -> AmountCounts:
        """Return the amount of one component in one zone."""
        return AmountCounts(self.positive_px[component][zone], self.eligible_px[zone])


def zone_counts(
    zone_of: NDArray[np.uint8], eligible: Mask, positive: Mapping[str, Mask], zones: int
) -> ZoneCounts:
    """Count each component in each zone.

    Parameters
    ----------
    zone_of : ndarray of uint8, shape (H, W)
        As :func:`zone_map` gives it.
    eligible : ndarray of bool, shape (H, W)
        The pixels that count.
    positive
        For each component a mask of bool, shape (H, W).
    zones
        How many zones there are.
    """
    height, width = zone_of.shape
    total = ZoneCounts((0,) * zones, dict.fromkeys(positive, (0,) * zones))
    for strip in Box(0, 0, height, width).strips(_STRIP_ROWS):
        index = zone_of[strip.slices] * eligible[strip.slices]
        found = {name: index * mask[strip.slices] for name, mask in positive.items()}
        total += ZoneCounts(
            _tally(index, zones), {name: _tally(part, zones) for name, part in found.items()}
        )
    return total


def nest_ring_map(regions: Regions) -> NDArray[np.uint8] | None:
    """Return the ring around the nests of every eligible pixel that is not tumour.

    Returns
    -------
    ndarray of uint8, shape (H, W), or None
        0 = in no ring, else 1 + index in ``nest_zones()``; None without nests.
    """
    if regions.reason("nest") or regions.nest is None or regions.tumour is None:
        return None
    eligible = regions.eligible & ~regions.tumour
    index = zone_map(regions.nest, regions.spacing, nest_zones(), wanted=eligible)
    index *= eligible
    return index


def zone_scores(
    positive: Mapping[str, Mask], regions: Regions, rings: NDArray[np.uint8] | None = None
) -> list[Score]:
    """Return amount and fraction of each component in each zone of a slide.

    Rings lie around the nests in eligible tissue that is not tumour, in the tumour region or
    beyond; the margin's sides lie on either side of the front.

    Parameters
    ----------
    positive
        For each component a mask of bool, shape (H, W), in the frame of the regions.
    regions
        Nests and front.
    rings
        As :func:`nest_ring_map` gives them; None has them drawn here.

    Returns
    -------
    list of Score
        For each zone ``<zone>_mm2``, then ``<component>_<zone>_mm2`` and
        ``<component>_fraction_of_<zone>`` (``nest_zone_0_20_um``, ..., ``margin_inner``,
        ``margin_outer``). NaN with the reason without tumour, or without a front.
    """
    zones, sides = nest_zones(), margin_zones(regions.settings.margin_um)
    around = None
    rings = nest_ring_map(regions) if rings is None else rings
    if rings is not None:
        around = zone_counts(rings, rings > 0, positive, len(zones))
    scores = _scores(zones, around, tuple(positive), regions.spacing, regions.reason("nest"))
    reason = regions.reason("margin")
    across = None
    if regions.margin_side is not None:
        across = zone_counts(regions.margin_side, regions.eligible, positive, len(sides))
    return scores + _scores(sides, across, tuple(positive), regions.spacing, reason)


def _scores(
    zones: Sequence[Zone],
    counts: ZoneCounts | None,
    components: Sequence[str],
    spacing: Spacing,
    reason: str,
) -> list[Score]:
    scores = []
    for number, zone in enumerate(zones):
        area = spacing.area_mm2(counts.eligible_px[number]) if counts else float("nan")
        what = f"eligible tissue {zone.low_um:g} to {zone.high_um:g} µm from the boundary"
        what += f", at {spacing.mean:.3g} µm/px"
        note = "" if counts else f"undefined: {reason}"
        scores.append(Score(f"{zone.name}_mm2", area, "mm2", what, note=note))
        for component in components:
            amount = counts.of(component, number) if counts else None
            scores += amount_scores(component, zone.name, amount, spacing, reason)
    return scores


def _tally(index: NDArray[np.uint8], zones: int) -> tuple[int, ...]:
    return tuple(int(np.count_nonzero(index == number)) for number in range(1, zones + 1))


def _added(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))
