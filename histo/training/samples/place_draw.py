"""Which place a sample is of: a component is drawn, then a patient who has it, then a place."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from histo.errors import ConfigError
from histo.training.samples.slide_places import CELL_UM, Cells, RowPlaces
from histo.vocabulary import Component

__all__ = ["HardPlaces", "Place", "PlaceDraw"]


@dataclass(frozen=True)
class Place:
    """A place on a slide.

    Attributes
    ----------
    row
        Index of the row in ``manifest.rows``.
    row_um, col_um
        µm from the slide's upper-left corner.
    """

    row: int
    row_um: float
    col_um: float


@dataclass(frozen=True)
class _Member:
    """The cells of one row that a patient has of a component."""

    row: int
    width: int
    cells: Cells


class PlaceDraw:
    """Draws places alike over components, then over patients, then over the area on tissue.

    Parameters
    ----------
    places
        As `histo.training.samples.slide_places.survey` returns them.
    components
        Which to draw; those a survey found nowhere known are left out.
    absent_share
        Share of draws where the drawn component is known to be absent, 0 to 1; all of them for
        one that is nowhere present, none for one nowhere absent.

    Raises
    ------
    ConfigError
        If none of the components is known anywhere on tissue.
    """

    def __init__(
        self, places: Sequence[RowPlaces], components: Sequence[Component], absent_share: float
    ) -> None:
        self.absent_share = absent_share
        self._present = {c: _by_patient(places, c, present=True) for c in components}
        self._absent = {c: _by_patient(places, c, present=False) for c in components}
        self.components = tuple(c for c in components if self._present[c] or self._absent[c])
        if not self.components:
            raise ConfigError(
                f"nothing is known on tissue of {', '.join(components)}; check annotations and "
                "class maps (histo data check)."
            )

    def fewer(self, draw: np.random.Generator, slides: int) -> "PlaceDraw":
        """Return a draw from at most that many slides, or one for each component and state.

        Patients are drawn evenly and one slide of each by its area, so that over many such draws
        places come as from all slides.
        """
        lists = [*self._present.values(), *self._absent.values()]
        each = max(1, slides // sum(bool(patients) for patients in lists))
        chosen = copy(self)
        chosen._present = {c: _some(p, each, draw) for c, p in self._present.items()}
        chosen._absent = {c: _some(p, each, draw) for c, p in self._absent.items()}
        return chosen

    def draw(self, draw: np.random.Generator) -> tuple[Component, Place]:
        """Return the drawn component and a place of it, or of its absence."""
        component = self.components[draw.integers(len(self.components))]
        present, absent = self._present[component], self._absent[component]
        wants_absent = draw.random() < self.absent_share
        patients = (absent or present) if wants_absent else (present or absent)
        members = patients[draw.integers(len(patients))]
        member = _by_area(members, draw)
        cell = int(member.cells.index[draw.integers(len(member.cells.index))])
        row, col = divmod(cell, member.width)
        down, right = draw.random(2)
        return component, Place(member.row, (row + down) * CELL_UM, (col + right) * CELL_UM)


def _by_area(members: list[_Member], draw: np.random.Generator) -> _Member:
    area = np.cumsum([member.cells.count for member in members])
    return members[int(np.searchsorted(area, draw.integers(area[-1]), side="right"))]


def _some(
    patients: list[list[_Member]], count: int, draw: np.random.Generator
) -> list[list[_Member]]:
    chosen = draw.permutation(len(patients))[:count]
    return [[_by_area(patients[index], draw)] for index in chosen]


def _by_patient(
    places: Sequence[RowPlaces], component: Component, *, present: bool
) -> list[list[_Member]]:
    members: dict[str, list[_Member]] = {}
    for found in places:
        cells = (found.present if present else found.absent).get(component)
        if cells is not None:
            member = _Member(found.row, found.shape[1], cells)
            members.setdefault(found.patient, []).append(member)
    return [members[patient] for patient in sorted(members)]


class HardPlaces:
    """Places worth another look, with weights; set between epochs, seen by running workers.

    The list lies in memory shared between processes, so workers that live on see a new one.

    Parameters
    ----------
    most
        Places it can hold; 33 kB a thousand.
    """

    def __init__(self, most: int = 4096) -> None:
        self._table = torch.zeros((most + 1, 4), dtype=torch.float64).share_memory_()

    def __len__(self) -> int:
        return int(self._table[0, 0])

    def set(self, places: Sequence[Place], weights: NDArray[np.floating] | None = None) -> None:
        """Replace the list; to be called while no epoch runs.

        Parameters
        ----------
        places
            The hardest first, if there may be too many: what does not fit is left out.
        weights
            How often each is drawn, relative to the others; alike if None.

        Raises
        ------
        ValueError
            If a weight is not positive and finite, or their number is another.
        """
        chance = np.ones(len(places)) if weights is None else np.asarray(weights, np.float64)
        if chance.shape != (len(places),) or not np.all(np.isfinite(chance) & (chance > 0)):
            raise ValueError("expected a positive weight for each place")
        count = min(len(places), len(self._table) - 1)
        for index, (place, total) in enumerate(
            zip(places[:count], np.cumsum(chance[:count]), strict=True), 1
        ):
            self._table[index] = torch.tensor([place.row, place.row_um, place.col_um, total])
        self._table[0, 0] = count

    def draw(self, draw: np.random.Generator) -> Place:
        """Return one of the places by its weight; there must be one."""
        table = self._table[1 : len(self) + 1].numpy()
        chosen = np.searchsorted(table[:, 3], draw.random() * table[-1, 3], side="right")
        row, row_um, col_um, _ = table[min(int(chosen), len(table) - 1)].tolist()
        return Place(int(row), row_um, col_um)
