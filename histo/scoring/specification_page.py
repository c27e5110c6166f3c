"""The documentation's page of scores, written from the specification.

python -m histo.scoring.specification_page docs/scores.md
"""

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from histo.config import WarningLimits
from histo.scoring.limits import RULES
from histo.scoring.specification import ScoreSpec, Specification, specification

__all__ = ["score_page"]

_HEAD = """# What the numbers mean

<!-- Written by `python -m histo.scoring.specification_page docs/scores.md`; edit
histo/scoring/specification.yaml instead. -->

Specification {version}. Every score says what was counted, what it was divided by, at which µm/px
and threshold. A score that cannot be computed is *not defined* and says why; a component nothing
looked for is *not measured* and says what it would take. Neither is ever 0. Values are printed with
their uncertainty, never a prognosis. Research use only.

{introduction}
"""


def score_page(spec: Specification, introduction: str) -> str:
    """Return the page in Markdown: a section a group, an entry a score, then the warnings."""
    parts = [_HEAD.format(version=spec.version, introduction=introduction.strip())]
    for group, entries in groupby(spec.scores, key=lambda entry: entry.group):
        parts += [f"## {group}\n", *(_entry(entry) for entry in entries)]
    return "\n".join([*parts, "## Warnings\n", *_warnings(), ""])


def _entry(entry: ScoreSpec) -> str:
    lines = [f"### `{entry.name}`\n", f"**{entry.title}** ({_unit(entry)}). {entry.reading}\n"]
    what = f"`{entry.formula}`: {entry.numerator}"
    lines.append(what + (f", divided by {entry.denominator}" if entry.denominator else "") + ".")
    if entry.needs:
        lines.append(f"Needs {', '.join(entry.needs)}.")
    if entry.max_um_per_px is not None:
        lines.append(f"Analysed at {entry.max_um_per_px:g} µm/px or finer.")
    lines += [_reference(one.text, one.doi) for one in entry.references]
    return "\n".join(lines) + "\n"


def _unit(entry: ScoreSpec) -> str:
    if entry.unit != "1":
        return entry.unit
    return "0 to 1" if (entry.low, entry.high) == (0, 1) else "a plain number"


def _reference(text: str, doi: str) -> str:
    return f"Source: {text}" + (f", [{doi}](https://doi.org/{doi})." if doi else ".")


def _warnings() -> Iterator[str]:
    limits = WarningLimits()
    yield "They stand in `scores.json` and `run.json`, on the overview, and on the terminal, each"
    yield "with the number that caused it. A panel in `configs/` may set its own limits.\n"
    yield "| warning | score | limit |"
    yield "| --- | --- | --- |"
    for rule in RULES:
        sign = ">" if rule.above else "<"
        score = rule.score.replace(r"\d+", "…").replace(r"\w+", "…")
        limit = getattr(limits, rule.limit)
        yield f"| `{rule.code}` | `{score}` | {sign} {limit:g} |"


def main(path: Path) -> None:
    """Write the page."""
    introduction = (path.parent / "scores_introduction.md").read_text(encoding="utf-8")
    path.write_text(score_page(specification(), introduction), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
