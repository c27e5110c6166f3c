"""Within-slide spatial interval of a ratio: calibrated moving blocks, or a reason for none.

The interval says how far a score would move had another part of the same tissue, with the same
correlation, been on the slide. It is not the uncertainty of a patient or of a reader.

A plain bootstrap of correlated tiles is far too narrow, and blocks only help once they are
longer than the correlation, by when a slide holds few of them. So, in this order:

1. the correlation length is measured on the tiles, with the loss by removing the mean put back;
2. simulated fields on the same tiles say which longer lengths would have looked as short;
   the longest of these that is not unusual (20 %) is taken;
3. blocks of at least 1 mm and twice that length are drawn from all over the mask, in 2-D
   (Künsch 1989, 10.1214/aos/1176347265); numerators and denominators are added up, ratios
   taken last;
4. the standard error is multiplied by the 95 % point of |error| / standard error among fields
   simulated at that length on the same tiles with the same blocks (1.96 for many independent
   blocks, 3 to 10 for few), and by Student's factor for the places that hold the numerator;
5. where the slide cannot tell the length from 0.6 of its own width, or the numerator lies in too
   few places, there is no interval.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from histo.scoring.space.lattice import CorrelationFit, TileLattice, block_sums

__all__ = ["IntervalSettings", "SpatialInterval", "SpatialIntervals", "spatial_interval"]

_NORMAL = 1.96


@dataclass(frozen=True)
class IntervalSettings:
    """How an interval is made, and from where on there is none.

    Attributes
    ----------
    level
        Nominal coverage.
    least_block_um
        Blocks are never narrower.
    least_tiles
        Fewer tiles (blocks of the least size, weighted by their denominator) give no interval.
    least_places
        Smallest effective number of separate places that hold the numerator.
    tail
        A longer correlation is ruled out when fields of that length look as short as this
        slide in less than this share of simulations.
    draws, simulations
        Bootstrap draws, and simulated fields per correlation length.
    seed
        Same seed, same answer.
    """

    level: float = 0.95
    least_block_um: float = 1000.0
    least_tiles: int = 20
    least_places: float = 6.0
    tail: float = 0.2
    draws: int = 1000
    simulations: int = 400
    seed: int = 0


@dataclass(frozen=True)
class SpatialInterval:
    """Within-slide spatial interval of a ratio; both ends NaN where ``note`` says why.

    Attributes
    ----------
    low, high
        In the unit of the ratio.
    correlation_um
        Correlation length that was allowed for, µm.
    block_um
        Side of a block, µm.
    inflation
        What the plain block bootstrap's width was multiplied by.
    note
        Why there is no interval; "" where there is one.
    """

    low: float
    high: float
    correlation_um: float = math.nan
    block_um: float = math.nan
    inflation: float = math.nan
    note: str = ""


class SpatialIntervals:
    """Intervals of several numerators over one denominator, sharing their simulations.

    Parameters
    ----------
    denominator : ndarray of float, shape (R, C)
        Sum of each tile, such as mm² of stroma; 0 outside the mask.
    tile_um
        Side of a tile, µm.
    settings
        None takes the defaults.
    """

    def __init__(
        self,
        denominator: NDArray[np.floating],
        tile_um: float,
        settings: IntervalSettings | None = None,
    ) -> None:
        self.settings = settings or IntervalSettings()
        self.tile_um = tile_um
        self.denominator = np.asarray(denominator, np.float64)
        total, squares = self.denominator.sum(), np.sum(self.denominator**2)
        alike = (min(1.0, tile_um / self.settings.least_block_um)) ** 2
        self._tiles = float(total**2 / squares * alike) if squares > 0 else 0.0
        self._lattice: TileLattice | None = None
        self._seen: dict[CorrelationFit, NDArray[np.intp]] = {}
        self._quantile: dict[tuple[CorrelationFit, int], float] = {}

    def of(self, numerator: NDArray[np.floating], *, bounded: bool = False) -> SpatialInterval:
        """Return the interval of ``Σ numerator / Σ denominator``.

        Parameters
        ----------
        numerator : ndarray of float, shape (R, C)
            Sum of each tile; not negative.
        bounded
            Whether the ratio is a fraction of its denominator: the interval is then made on the
            logit scale and stays below 1; otherwise on the log scale.
        """
        summed: NDArray[np.float64] = np.asarray(numerator, np.float64)
        if summed.shape != self.denominator.shape:
            raise ValueError(
                f"numerator {summed.shape} and denominator {self.denominator.shape} are tiles "
                "of one grid"
            )
        if self._tiles < self.settings.least_tiles:
            return _none(
                f"too small: {self._tiles:.1f} tiles are under {self.settings.least_tiles}"
            )
        ratio = float(summed.sum() / self.denominator.sum())
        residual = summed - ratio * self.denominator
        if not ratio > 0 or (bounded and ratio >= 1):
            return _none(f"the value is {ratio:g} over the whole slide")
        if np.abs(residual).max() <= 1e-9 * ratio * self.denominator.max():
            return _none("no tile differs from another")
        fit = self._longest_like(residual)
        if fit.candidate == len(self._tiles_lattice.lengths) - 1:
            return _none("the correlation may reach over more than half of the slide")
        return self._calibrated(summed, ratio, fit, bounded)

    @property
    def _tiles_lattice(self) -> TileLattice:
        if self._lattice is None:
            self._lattice = TileLattice(self.denominator)
        return self._lattice

    def _longest_like(self, residual: NDArray[np.float64]) -> CorrelationFit:
        """Return the longest correlation that could have looked like these residuals."""
        lattice = self._tiles_lattice
        best, nugget = lattice.fit(residual[None])
        measured = int(best[0])
        share = _quarter(float(nugget[measured, 0]))
        for candidate in range(len(lattice.lengths) - 1, measured, -1):
            looked = self._looks(CorrelationFit(candidate, share))
            if np.mean(looked <= measured) >= self.settings.tail:
                return CorrelationFit(candidate, _quarter(float(nugget[candidate, 0])))
        return CorrelationFit(measured, share)

    def _looks(self, fit: CorrelationFit) -> NDArray[np.intp]:
        """Return the lengths measured on simulated fields of a known one."""
        if fit not in self._seen:
            fields = self._fields(fit, self.settings.simulations // 2)
            self._seen[fit] = self._tiles_lattice.fit(self._tiles_lattice.residuals(fields))[0]
        return self._seen[fit]

    def _fields(self, fit: CorrelationFit, draws: int) -> NDArray[np.float64]:
        key = [self.settings.seed, fit.candidate, round(100 * fit.nugget)]
        return self._tiles_lattice.simulate(fit, draws, np.random.default_rng(key))

    def _block_tiles(self, fit: CorrelationFit) -> int:
        least = math.ceil(self.settings.least_block_um / self.tile_um - 1e-9)
        wanted = max(least, math.ceil(2 * self._tiles_lattice.lengths[fit.candidate]))
        # Beyond a quarter of the mask's width too few blocks are left to estimate a spread.
        return int(max(1, min(wanted, max(least, int(self._tiles_lattice.extent / 4)))))

    def _calibrated(
        self, numerator: NDArray[np.float64], ratio: float, fit: CorrelationFit, bounded: bool
    ) -> SpatialInterval:
        side = self._block_tiles(fit)
        weight = block_sums(self.denominator, side)
        held = weight > 1e-9 * weight.max()
        over, under = block_sums(numerator, side)[held], weight[held]
        blocks = max(2, round(self.denominator.sum() / under.mean()))
        places = over.sum() ** 2 / np.sum(over**2) / len(over) * blocks
        if places < self.settings.least_places:
            return _none(f"what is counted lies in only {places:.1f} separate places")
        picked = np.random.default_rng(self.settings.seed).integers(
            0, len(over), (self.settings.draws, blocks)
        )
        redrawn = over[picked].sum(axis=1) / under[picked].sum(axis=1)
        # Simulated fields are Gaussian; what lies in few places is skewed, and its spread is known
        # from those places only, hence Student's factor on top.
        few = stdtrit(places - 1, 0.5 + self.settings.level / 2) / _NORMAL
        multiple = self._multiple(fit, side) * float(few)
        reach = multiple * float(redrawn.std(ddof=1))
        low, high = _ends(ratio, reach, bounded)
        length_um = float(self._tiles_lattice.lengths[fit.candidate] * self.tile_um)
        return SpatialInterval(low, high, length_um, side * self.tile_um, multiple / _NORMAL)

    def _multiple(self, fit: CorrelationFit, side: int) -> float:
        """Return the ``level`` point of |error| / standard error among simulated fields."""
        if (fit, side) not in self._quantile:
            lattice = self._tiles_lattice
            fields = self._fields(fit, self.settings.simulations)
            weight = block_sums(self.denominator, side)
            held = weight > 1e-9 * weight.max()
            sums = block_sums(lattice.residuals(fields), side)[:, held]
            blocks = max(2, round(lattice.total / weight[held].mean()))
            error = np.sqrt(np.mean(sums**2, axis=1) / blocks) / weight[held].mean()
            found = np.quantile(np.abs(lattice.means(fields)) / error, self.settings.level)
            self._quantile[fit, side] = float(found)
        return self._quantile[fit, side]


def _quarter(share: float) -> float:
    """Round a nugget's share down, to 3/4 at most: fewer simulations, and the safe side."""
    return min(0.75, math.floor(4 * share) / 4)


def _ends(ratio: float, reach: float, bounded: bool) -> tuple[float, float]:
    if not bounded:
        factor = math.exp(min(reach / ratio, 700.0))
        return ratio / factor, ratio * factor
    odds = ratio / (1 - ratio)
    factor = math.exp(min(reach / (ratio * (1 - ratio)), 700.0))
    return odds / factor / (1 + odds / factor), odds * factor / (1 + odds * factor)


def _none(reason: str) -> SpatialInterval:
    return SpatialInterval(math.nan, math.nan, note=f"no spatial interval: {reason}")


def spatial_interval(
    numerator: NDArray[np.floating],
    denominator: NDArray[np.floating],
    tile_um: float,
    *,
    bounded: bool = False,
    settings: IntervalSettings | None = None,
) -> SpatialInterval:
    """Return the within-slide spatial interval of ``Σ numerator / Σ denominator``.

    Parameters
    ----------
    numerator, denominator : ndarray of float, shape (R, C)
        Sums per tile; 0 outside the mask.
    tile_um
        Side of a tile, µm.
    bounded
        Whether the ratio is a fraction, at most 1.
    settings
        None takes the defaults.

    Returns
    -------
    SpatialInterval
        NaN with the reason under 20 tiles, for a value of 0 (or a fraction of 1), for tiles
        that are all alike, and where coverage cannot be reached.
    """
    return SpatialIntervals(denominator, tile_um, settings).of(numerator, bounded=bounded)
