"""Whether what a manifest names is there, fits, and is enough to learn from."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from histo.errors import HistoError
from histo.geometry import Box, Spacing
from histo.training.manifests.labels import open_row, row_class_map, row_labels
from histo.training.manifests.licences import UNSTATED, family, strictest
from histo.training.manifests.manifest import Fault, Manifest, ManifestRow
from histo.vocabulary import Component

__all__ = ["Balance", "Check", "check_manifest"]

_LONGEST_PX = 1024
_UNSPLIT = "unsplit"
_MANY = 50.0


@dataclass(frozen=True)
class Balance:
    """How much of a component a split has.

    Attributes
    ----------
    present_mm2, known_mm2
        Area where it is, and where its presence or absence is known, mm².
    rows, patients
        Annotated rows that know of it, and their patients.
    """

    split: str
    component: Component
    present_mm2: float
    known_mm2: float
    rows: int
    patients: int


@dataclass
class Check:
    """What a check found.

    Attributes
    ----------
    faults
        What has to be mended, by row.
    warnings
        What may be as it should be, one sentence each.
    balance
        One entry a split and component.
    licences
        Rows per family of licence.
    licence
        The one a bundle taught by all rows inherits.
    """

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    balance: list[Balance] = field(default_factory=list)
    licences: dict[str, int] = field(default_factory=dict)
    licence: str = UNSTATED


def check_manifest(
    manifest: Manifest, *, tell: Callable[[int, int], None] = lambda _done, _total: None
) -> Check:
    """Look at every file of a manifest; pixels of a slide are read for ``rule:collagen`` only.

    Areas are measured at about 1024 px along a slide's longer side.

    Parameters
    ----------
    manifest
        As `read_manifest` returns it.
    tell
        Called with rows done and rows in all.

    Returns
    -------
    Check
        Faults: a file missing or broken, no or no plausible µm/px, an annotation with a class no
        map names, a patient or slide in two splits.
    """
    check = Check()
    areas: dict[tuple[str, Component], list[tuple[ManifestRow, float, float]]] = defaultdict(list)
    for done, (number, row) in enumerate(zip(manifest.numbers, manifest.rows, strict=True)):
        tell(done, len(manifest.rows))
        for component, present, known in _measured(row, number, manifest.root, check):
            areas[row.split or _UNSPLIT, component].append((row, present, known))
    check.balance = [_balance(*key, found) for key, found in sorted(areas.items())]
    check.faults += _crossings(manifest, "patient") + _crossings(manifest, "slide")
    check.faults.sort(key=lambda fault: fault.row)
    families = Counter(family(row.licence) for row in manifest.rows)
    check.licences = dict(families.most_common())
    check.licence = strictest(row.licence for row in manifest.rows)
    check.warnings += _warnings(manifest, check)
    return check


def _measured(
    row: ManifestRow, number: int, root: Path, check: Check
) -> list[tuple[Component, float, float]]:
    """Return present and known area of each component; note faults on the way."""
    column = "slide"
    try:
        with open_row(row, root) as slide:
            column = "mpp"
            spacing = slide.spacing
            check.warnings += [f"row {number}: {note}" for note in slide.info.notes]
            if not row.annotation:
                return []
            column = "class_map"
            row_class_map(row, root)
            column = "annotation"
            labels = row_labels(row, root, slide)
            coarse = spacing.scaled(max(1.0, max(slide.shape) / _LONGEST_PX))
            shape = _frame(slide.shape, spacing, coarse)
            planes = labels.planes(Box(0, 0, *shape), coarse) if labels else None
    except HistoError as fault:
        check.faults.append(Fault(number, column, " ".join(str(fault).split())))
        return []
    if planes is None:
        return []
    return [
        (component, coarse.area_mm2(int(present.sum())), coarse.area_mm2(int(known.sum())))
        for component, present, known in zip(
            planes.components, planes.present, planes.known, strict=True
        )
    ]


def _frame(shape: tuple[int, int], spacing: Spacing, coarse: Spacing) -> tuple[int, int]:
    height, width = shape
    return ceil(height * spacing.row / coarse.row), ceil(width * spacing.col / coarse.col)


def _balance(
    split: str, component: Component, found: list[tuple[ManifestRow, float, float]]
) -> Balance:
    return Balance(
        split=split,
        component=component,
        present_mm2=sum(present for _, present, _ in found),
        known_mm2=sum(known for _, _, known in found),
        rows=len(found),
        patients=len({row.patient for row, _, _ in found}),
    )


def _crossings(manifest: Manifest, column: str) -> list[Fault]:
    """List patients or slides that stand in more than one split, at the row where they cross."""
    first: dict[str, tuple[str, int]] = {}
    faults = []
    for row, number in zip(manifest.rows, manifest.numbers, strict=True):
        if not row.split:
            continue
        who = str(getattr(row, column))
        split, before = first.setdefault(who, (row.split, number))
        if split != row.split:
            message = (
                f"'{who}' is in {row.split} here and in {split} in row {before}; keep it in one "
                "split (histo data split --again)."
            )
            faults.append(Fault(number, column, message))
    return faults


def _warnings(manifest: Manifest, check: Check) -> list[str]:
    rows = manifest.rows
    found = []
    unsplit = sum(not row.split for row in rows)
    if unsplit:
        found.append(f"{unsplit} of {len(rows)} rows have no split; run histo data split.")
    unstated = check.licences.get(UNSTATED, 0)
    if unstated:
        found.append(f"{unstated} of {len(rows)} rows state no known licence, nor will a bundle.")
    without = sum(not row.annotation for row in rows)
    if without:
        found.append(f"{without} of {len(rows)} rows have no annotation and teach nothing yet.")
    sites: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.site and row.split:
            sites[row.site].add(row.split)
    shared = sum(len(splits) > 1 for splits in sites.values())
    if shared:
        found.append(
            f"{shared} of {len(sites)} sites are in several splits, so the test says nothing of a "
            "new site; histo data split --by site parts them."
        )
    return found + [_scarcity(entry) for entry in check.balance if _scarcity(entry)]


def _scarcity(entry: Balance) -> str:
    place = f"{entry.component} in {entry.split}"
    if entry.present_mm2 == 0:
        return f"{place} is nowhere present; there is nothing to learn or to measure."
    if entry.known_mm2 == entry.present_mm2:
        return f"{place} is nowhere known to be absent; annotate background too."
    share = entry.known_mm2 / entry.present_mm2
    if share > _MANY:
        return f"{place} covers 1/{share:.0f} of what is known; it is rare."
    return ""
