"""``evaluation.md``: the page a person opens, and the section that becomes the card's."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, get_args

from histo.outputs.agreement_words import estimate_words, plain
from histo.outputs.evaluation_files import group_name
from histo.training.evaluation.evaluation import Group, GroupedBy
from histo.vocabulary import RESEARCH_USE

if TYPE_CHECKING:
    from histo.outputs.evaluation_files import EvaluationReport

__all__ = ["evaluation_page", "figures_table"]

_LONGEST = 40  # groups a table lists


def evaluation_page(report: "EvaluationReport") -> str:
    """Return the Markdown page of an evaluation."""
    bundle = report.bundle
    parts = [
        f"# {bundle['name']} {bundle['version']}: how well it agrees with annotations",
        f"> {RESEARCH_USE}",
        _measured_on(report),
        "## All rows",
        figures_table(report),
        *_areas(report),
        "## Cases",
        "Best, median and worst row of each component, and where it is wrongly found. "
        "Grey: nothing is known there.",
        "![Cases](cases.png)" if report.cases else "No row shows a component.",
        "## Calibration",
        *_calibration(report),
        *_grouped(report),
    ]
    if report.warnings:
        parts += ["## Mind", _listed(report.warnings)]
    parts.append(
        f"SHA-256 of the manifest: `{report.manifest_sha256[:16]}…`. "
        "`evaluation.json` has every figure in full."
    )
    return "\n\n".join(parts) + "\n"


def figures_table(report: "EvaluationReport") -> str:
    """Return the figures over all rows, a column for each component."""
    groups = [report.evaluation.overall(c) for c in report.evaluation.components]
    names = dict.fromkeys(name for group in groups for name in group.figures)
    rows = [[name, *(_cell(group, name) for group in groups)] for name in names]
    return _table(["figure", *(str(group.component) for group in groups)], rows)


def _measured_on(report: "EvaluationReport") -> str:
    evaluation = report.evaluation
    lines = [f"**Measured on** {report.measured_on}. {report.intervals}"]
    for component in evaluation.components:
        group = evaluation.overall(component)
        lines.append(
            f"**{component}** is known on {plain(group.known_mm2)} mm² "
            f"(rows: {group.rows}) and present on {plain(group.present_mm2)} mm² of it."
        )
    cuts = ", ".join(
        f"{component} {evaluation.thresholds[component]:.3f}" for component in evaluation.components
    )
    source = f"chosen on split {report.threshold_from}" if report.threshold_from else "the card's"
    return _listed([*lines, f"**Thresholds** ({source}): {cuts}."])


def _areas(report: "EvaluationReport") -> list[str]:
    """Say how predicted and labelled areas agree from row to row."""
    rows = []
    for component in report.evaluation.components:
        pair = report.evaluation.area_agreement(component)
        if pair is not None:
            found = pair.bland_altman
            limits = f"{plain(found.lower.value)} to {plain(found.upper.value)}"
            bias = estimate_words(found.bias, signed=True)
            rows.append([str(component), estimate_words(pair.icc), bias, limits])
    if not rows:
        return ["Fewer than 3 rows: how areas agree from row to row cannot be told."]
    words = (
        "Predicted against labelled area, each as a share of the known area of a row: ICC(2,1), "
        "mean difference (predicted minus labelled), and the limits that hold 95 % of the rows."
    )
    return [words, _table(["component", "ICC", "difference", "95 % of rows"], rows)]


def _calibration(report: "EvaluationReport") -> list[str]:
    parts = ["![Reliability](reliability.png)"]
    if report.temperatures:
        fitted = ", ".join(f"{c} {value:.2f}" for c, value in report.temperatures.items())
        parts.append(
            f"Temperature fitted on split {report.threshold_from}: {fitted}. "
            "Above 1 the network is too sure of itself, below 1 not sure enough."
        )
    return parts


def _grouped(report: "EvaluationReport") -> list[str]:
    """Return a table for each way of grouping that has more than one group."""
    parts = []
    for by in get_args(GroupedBy):
        for component in report.evaluation.components:
            groups = [g for g in report.evaluation.groups if (g.by, g.component) == (by, component)]
            if len(groups) > 1:
                parts += [f"## {component} by {by}", _groups_table(groups, report)]
    return parts


def _groups_table(groups: Sequence[Group], report: "EvaluationReport") -> str:
    names = ["Dice", "balanced accuracy", "AUROC", "average precision"]
    names += [name for name in groups[0].figures if name.startswith("cell")]
    rows = [
        [group_name(group, report), str(group.rows), *(_cell(group, name) for name in names)]
        for group in groups[:_LONGEST]
    ]
    table = _table([groups[0].by, "rows", *names], rows)
    more = len(groups) - _LONGEST
    return f"{table}\n\nAnd {more} more in `evaluation.json`." if more > 0 else table


def _cell(group: Group, name: str) -> str:
    found = group.figures.get(name)
    return "" if found is None else estimate_words(found)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
