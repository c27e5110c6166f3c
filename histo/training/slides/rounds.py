"""Who learns, who is watched and who is held out: by patient, or as the manifest says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from histo.assets import shipped
from histo.errors import ConfigError
from histo.training.config import SlideData, TrainingConfig
from histo.training.manifests.manifest import Manifest, ManifestRow, read_manifest
from histo.training.parts import data_root

__all__ = ["Round", "folds_by_patient", "given_round", "manifest_of"]


@dataclass(frozen=True)
class Round:
    """One training: indices of the rows that teach, choose the threshold and are judged.

    Attributes
    ----------
    name
        In the words of a log.
    learning
        Rows that the network learns from.
    validation
        Rows that are watched in training; of a fold none, its threshold is chosen on other folds.
    held
        Rows on which figures are reported.
    """

    name: str
    learning: tuple[int, ...]
    validation: tuple[int, ...]
    held: tuple[int, ...]


def manifest_of(config: TrainingConfig, data: SlideData) -> Manifest:
    """Read the manifest of an experiment.

    One that ships names files of the data folder (`histo.training.parts.data_root`); any other
    names files relative to its own folder.

    Raises
    ------
    ConfigError
        If it has a fault, or nothing in it is annotated.
    """
    ours = shipped("data_manifests") / data.manifest
    if Path(data.manifest).name == data.manifest and ours.is_file():
        manifest = read_manifest(ours, folder=data_root(config))
    else:
        manifest = read_manifest(Path(data.manifest))
    annotated = manifest.only(i for i, row in enumerate(manifest.rows) if row.annotation)
    if not annotated.rows:
        raise ConfigError(f"{manifest.path.name}: no row is annotated; there is nothing to learn.")
    return annotated


def folds_by_patient(rows: Sequence[ManifestRow], folds: int, seed: int) -> list[Round]:
    """Plan rounds that hold every patient out once, those of each site spread over the rounds.

    Patients who share a slide stay together.

    Raises
    ------
    ConfigError
        If there are fewer patients than folds.
    """
    patients = _together(rows)
    groups = sorted(set(patients))
    if len(groups) < folds:
        raise ConfigError(f"{len(groups)} patients cannot make {folds} folds; use a smaller folds.")
    site_of = {group: row.site for group, row in zip(patients, rows, strict=True)}
    draw = np.random.default_rng(seed)
    fold_of: dict[str, int] = {}
    for site in sorted(set(site_of.values())):
        of_site = [group for group in groups if site_of[group] == site]
        draw.shuffle(of_site)
        start = len(fold_of)
        fold_of |= {group: (start + n) % folds for n, group in enumerate(of_site)}
    rounds = []
    for fold in range(folds):
        held = tuple(i for i, group in enumerate(patients) if fold_of[group] == fold)
        rest = tuple(i for i, group in enumerate(patients) if fold_of[group] != fold)
        rounds.append(Round(f"fold {fold}", rest, (), held))
    return rounds


def given_round(manifest: Manifest) -> Round:
    """Return the one round that the manifest's column ``split`` describes.

    Raises
    ------
    ConfigError
        If no row is in the split train, or none in val, on which the threshold is chosen.
    """
    rows = manifest.rows
    learning, validation, held = (_of(rows, (split,)) for split in ("train", "val", "test"))
    for split, found in (("train", learning), ("val", validation)):
        if not found:
            raise ConfigError(
                f"{manifest.path.name}: no annotated row is in the split {split}; fill in the "
                "column split (histo data split does), or set folds in the configuration."
            )
    return Round("the manifest's splits", learning, validation, held)


def _of(rows: Sequence[ManifestRow], splits: Iterable[str]) -> tuple[int, ...]:
    return tuple(i for i, row in enumerate(rows) if row.split in splits)


def _together(rows: Sequence[ManifestRow]) -> list[str]:
    """Return one patient's name for each row, the same for rows that share a slide."""
    name_of = {row.patient: row.patient for row in rows}
    first: dict[str, str] = {}
    for row in rows:
        one, other = name_of[first.setdefault(row.slide, row.patient)], name_of[row.patient]
        name_of = {patient: one if name == other else name for patient, name in name_of.items()}
    return [name_of[row.patient] for row in rows]
