"""From a bundle and a manifest to every figure of how well they agree."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from histo.config import InferenceSettings
from histo.errors import ConfigError
from histo.nn import Bundle, load_bundle
from histo.outputs.evaluation_files import EvaluationReport
from histo.pipeline.cases import choose_cases, picture_file
from histo.pipeline.judging import Judge, outputs_by_label
from histo.pipeline.options import Progress
from histo.provenance import file_sha256
from histo.training.evaluation.calibration import temperature_of
from histo.training.evaluation.cells import cell_threshold_of
from histo.training.evaluation.counts import RowCounts, added, count_row
from histo.training.evaluation.evaluation import Evaluation
from histo.training.evaluation.thresholds import threshold_of
from histo.training.manifests.manifest import Manifest, ManifestRow, read_manifest
from histo.vocabulary import Component

__all__ = ["EvaluationOptions", "evaluate_bundle"]


@dataclass(frozen=True)
class EvaluationOptions:
    """What is evaluated, and how.

    Attributes
    ----------
    split
        Rows of this split, or "all".
    threshold_from
        Split the thresholds are chosen on; None keeps the card's. Never the one evaluated.
    root
        Folder that files of the manifest are relative to; its own if None.
    settings
        Device, precision, tile, batch and threads.
    seed
        Of the resampled intervals.
    """

    split: str = "test"
    threshold_from: str | None = None
    root: Path | None = None
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    seed: int = 0


def evaluate_bundle(
    name: str | Path,
    manifest: Path,
    options: EvaluationOptions | None = None,
    *,
    progress: Progress | None = None,
) -> EvaluationReport:
    """Run a bundle over the annotated rows of a manifest and compare.

    Network, tiles, blending and canvas are those of `histo.pipeline.score_slide`. Pixels count
    where the annotation knows the component, tissue or not; nothing else is looked at.

    Parameters
    ----------
    name
        A bundle's name or folder.
    manifest
        The rows; see `histo.training.manifests`.
    options
        Split, thresholds and settings.
    progress
        Called with (stage, done, total).

    Raises
    ------
    HistoError
        In one sentence: the bundle, the manifest, a row of it, or that no row fits.
    """
    options = options or EvaluationOptions()
    _refuse_flattery(options)
    tell = progress or (lambda _stage, _done, _total: None)
    bundle, read = load_bundle(name), read_manifest(manifest)
    thresholds, temperatures = dict(bundle.card.thresholds), None
    warnings: list[str] = []
    with TemporaryDirectory(prefix="histo-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        judge = Judge(bundle, options.root or read.root, options.settings, scratch, tell)
        rows = _Rows(read, judge, bundle, scratch, warnings)
        if options.threshold_from is not None:
            chosen_on = rows.counted(options.threshold_from, thresholds)
            thresholds |= _chosen(chosen_on, thresholds, warnings)
            temperatures = _temperatures(chosen_on)
        counted = tuple(rows.counted(options.split, thresholds))
        evaluation = Evaluation(counted, thresholds, options.seed)
        cases = choose_cases(evaluation, scratch)
    if options.split in ("train", "all"):
        warnings.append("Rows that taught the network flatter it; judge it on others.")
    return EvaluationReport(
        bundle=_identity(bundle),
        manifest_sha256=file_sha256(manifest),
        split=options.split,
        evaluation=evaluation,
        threshold_from=options.threshold_from,
        temperatures=temperatures,
        cases=cases,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _refuse_flattery(options: EvaluationOptions) -> None:
    if options.threshold_from is not None and options.split in ("all", options.threshold_from):
        raise ConfigError(
            f"thresholds chosen on {options.threshold_from} rows flatter when judged on "
            f"{options.split} rows; choose and judge on different splits."
        )


@dataclass(frozen=True)
class _Rows:
    """Rows of a manifest, counted split by split."""

    manifest: Manifest
    judge: Judge
    bundle: Bundle
    scratch: Path
    warnings: list[str]

    def counted(self, split: str, thresholds: dict[Component, float]) -> list[RowCounts]:
        """Return the counts of the rows of a split that fit the bundle; keep their pictures.

        A label that is called otherwise than the output it judges takes that one's threshold.
        """
        found = []
        for number, row in self._fitting(split):
            for label, output in outputs_by_label(self.bundle, row).items():
                thresholds.setdefault(label, thresholds[output])
            judged = self.judge.judge(row, number)
            if judged is None:
                self.warnings.append(
                    f"Row {number} left out: its annotation knows nothing of "
                    f"{' or '.join(self.bundle.card.components)}."
                )
                continue
            compared, picture = judged
            found.append(count_row(compared, thresholds))
            picture.save(picture_file(self.scratch, compared.name))
        if not found:
            reasons = " ".join(dict.fromkeys(self.warnings))
            raise ConfigError(f"no {split} row can be compared. {reasons}")
        return found

    def _fitting(self, split: str) -> Iterator[tuple[int, ManifestRow]]:
        manifest = self.manifest
        rows = [
            (number, row)
            for number, row in zip(manifest.numbers, manifest.rows, strict=True)
            if split in ("all", row.split)
        ]
        if not rows:
            there = ", ".join(sorted({row.split or "none" for row in manifest.rows}))
            raise ConfigError(
                f"{manifest.path.name} has no row of split {split} (it has: {there}); "
                "give another --split, or --split all."
            )
        misfits = Counter(filter(None, (_misfit(row, self.bundle) for _, row in rows)))
        for why, count in misfits.items():
            self.warnings.append(f"{count} {split} row{'s' * (count > 1)} left out: {why}.")
        for number, row in rows:
            if not _misfit(row, self.bundle):
                beside = manifest.root / row.class_map  # though the images may be elsewhere
                found = {"class_map": str(beside.resolve())} if beside.is_file() else {}
                yield number, row.model_copy(update=found)


def _misfit(row: ManifestRow, bundle: Bundle) -> str:
    """Return why a row cannot judge a bundle, as the rest of a sentence; "" if it can."""
    card = bundle.card
    if not row.annotation:
        return "nothing is annotated"
    if row.stain not in card.stains:
        return f"the stain is {row.stain}, and {card.name} learnt {' and '.join(card.stains)}"
    if card.markers and row.marker is not None and row.marker not in card.markers:
        return f"the marker is {row.marker}, and {card.name} learnt {' and '.join(card.markers)}"
    if row.known_components and not set(row.known_components) & set(outputs_by_label(bundle, row)):
        return (
            f"{' and '.join(row.known_components)} is annotated, and {card.name} finds "
            f"{' and '.join(card.components)}"
        )
    return ""


def _chosen(
    rows: Sequence[RowCounts], fallback: Mapping[Component, float], warnings: list[str]
) -> dict[Component, float]:
    """Return the thresholds that rows of the validation split ask for, where they say.

    That of highest Dice; of a map of centres, which has no area, that of highest cell F1.
    """
    found = {}
    for component in fallback:
        total = added(rows, component)
        try:
            found[component] = (
                cell_threshold_of(total.peaks, component)
                if component == Component.CELL
                else threshold_of(total.levels, component)
            )
        except ConfigError as fault:
            warnings.append(f"The card's threshold stays: {fault}")
    return found


def _temperatures(rows: Sequence[RowCounts]) -> dict[Component, float]:
    known = {component for row in rows for component in row.components}
    found = {c: temperature_of(added(rows, c).levels) for c in Component if c in known}
    return {component: value for component, value in found.items() if value == value}


def _identity(bundle: Bundle) -> dict[str, str]:
    card = bundle.card
    return {
        "name": card.name,
        "version": card.version,
        "sha256": bundle.sha256,
        "licence": card.licence,
    }
