"""The README of a bundle, written from its card."""

from histo.nn.card import Card, Metric
from histo.vocabulary import RESEARCH_USE

__all__ = ["bundle_readme"]


def bundle_readme(card: Card) -> str:
    """Return the Markdown page of a bundle.

    Examples
    --------
    >>> print(bundle_readme(card))  # doctest: +SKIP
    # he-collagen 1
    """
    facts = [
        f"- **Stains:** {', '.join(card.stains)}",
        f"- **Components:** {', '.join(card.components)}",
        f"- **Network:** {card.network.name}, "
        + ", ".join(f"{k} {v}" for k, v in card.network.arguments.items()),
        f"- **Pixels:** {card.um_per_px} µm/px, tiles of {card.tile_px} px, "
        f"{card.context_px} px of context on each side",
        "- **Thresholds:** " + ", ".join(f"{k} {v:.3f}" for k, v in card.thresholds.items()),
        f"- **Licence:** {card.licence}",
    ]
    parts = [
        f"# {card.name} {card.version}",
        card.summary,
        f"> {RESEARCH_USE}",
        "\n".join(facts),
        "## How well it does",
        _table(card.metrics),
        "## What it learnt from",
        "\n".join(
            f"- {d.name} ({d.samples} samples), {d.source}. Licence: {d.licence}" for d in card.data
        ),
        "## What it is for",
        card.intended_use,
        "## When not to believe it",
        "\n".join(f"- {line}" for line in card.failure_modes),
        "Generated from `card.yaml`; `histo models verify` checks the files against it.",
    ]
    return "\n\n".join(parts) + "\n"


def _table(metrics: list[Metric]) -> str:
    if not metrics:
        return "Not measured."
    rows = ["| figure | component | measured on | value | simple rule |", "|---|---|---|---|---|"]
    for m in metrics:
        span = "" if m.low is None or m.high is None else f" ({m.low:.2f} to {m.high:.2f})"
        rule = "" if m.baseline is None else f"{m.baseline:.3f}"
        rows.append(f"| {m.name} | {m.component} | {m.split} | {m.value:.3f}{span} | {rule} |")
    return "\n".join(rows)
