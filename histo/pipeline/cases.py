"""Rows of an evaluation that are worth a look, and where their pictures wait."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from histo.outputs.case_pictures import Case, CasePicture
from histo.training.evaluation.evaluation import Evaluation

__all__ = ["choose_cases", "picture_file"]


def choose_cases(evaluation: Evaluation, scratch: Path) -> tuple[Case, ...]:
    """Return rows of each component to look at, with their pictures.

    Best, median and worst by Dice (by F1 where cells were annotated) of the rows it is on; and of
    those it is not on, where any false area gives a Dice of 0, the one with the most of it.
    """
    cases = []
    for component in evaluation.components:
        told = {
            row.name: Evaluation((row,), evaluation.thresholds)
            for row in evaluation.rows
            if component in row.components
        }
        figure = next(
            (name for name in evaluation.overall(component).figures if name.startswith("cell F1")),
            "Dice",
        )
        quality, false_share = {}, {}
        for name, alone in told.items():
            found, labelled = np.ravel(alone.area_shares(component)).tolist()
            group = alone.overall(component)
            if group.present_mm2 and figure in group.figures:
                quality[name] = group.figures[figure].value
            elif not labelled:
                false_share[name] = found
        chosen = [(rank, name, f"{figure} {quality[name]:.2f}") for rank, name in _ranked(quality)]
        if false_share and (most := max(false_share, key=false_share.__getitem__)):
            words = f"found on {false_share[most]:.1%} of the area"
            chosen.append(("where there is none", most, words))
        cases += [
            Case(rank, name, component, words, CasePicture.load(picture_file(scratch, name)))
            for rank, name, words in chosen
        ]
    return tuple(cases)


def _ranked(quality: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return (rank, name) of the rows that are shown of so many; undefined ones are not."""
    names = sorted((n for n in quality if quality[n] == quality[n]), key=quality.__getitem__)
    if len(names) < 2:
        return [("the only row", name) for name in names]
    ranked = [("best", names[-1]), ("median", names[(len(names) - 1) // 2]), ("worst", names[0])]
    return ranked if len(names) > 2 else [ranked[0], ranked[2]]


def picture_file(scratch: Path, name: str) -> Path:
    """Return where the picture of a row is kept."""
    return scratch / f"{name.replace(' ', '-')}.npz"
