"""Fit the stain identity and judge it on sources it has not seen.

    python benchmarks/stain_identity.py [--data ../shared/data] [--fit]

Every source (laboratory, scanner, collection) is left out in turn. Stains that have a single
source are judged on held-out looks of it (overview, bright, tinted, no glass), which is easier.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from stain_views import Sample, View, disturb, impossible_views, one_hot, read_views, recoloured

import histo.stains.identity as identity
from histo.stains.chroma import FEATURES, stain_features
from histo.stains.identity import CLASH_CONFIDENCE, StainModel
from histo.vocabulary import Stain

STAINS = tuple(Stain)
COPIES = 6
RIDGE = 3e-3
HE_PRIOR = 2.0  # most slides are H&E, and a false clash on one is worse than a missed clash


def main() -> None:
    """Print the held-out result; with --fit also write the coefficients."""
    here = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("HISTO_DATA", here.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--fit", action="store_true", help="write histo/stains/identity.json")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    views = read_views(options.data, rng) + impossible_views(options.data, rng)
    sure = [view for view in views if not view.ambiguous]
    samples = make_samples(sure, rng)
    for title, noise in (("as they are", None), ("colours disturbed", rng)):
        scored = held_out(sure, samples, noise)
        temperature = calibrate(scored)
        report(f"Held out, {title}", scored, temperature)
        if noise is None:
            chosen = temperature
    model = fit(samples)
    final = StainModel(model.mean, model.scale, model.weights, model.bias, chosen)
    ambiguous = [(v, final.scores(stain_features(v.od))) for v in views if v.ambiguous]
    report("Ambiguous to the eye (never fitted)", ambiguous, 1.0)
    alone = [s for s in samples if 0 < s.target.max() < 1]
    sure_of_it = [final.probabilities(s.features).max() >= CLASH_CONFIDENCE for s in alone]
    print(f"\nHaematoxylin alone (made, fitted as unsure): {np.mean(sure_of_it):.2f} confident")
    if options.fit:
        write(final, here / "histo" / "stains" / "identity.json")


def make_samples(views: list[View], rng: np.random.Generator) -> list[Sample]:
    """Return features of each view, of disturbed copies, and of recoloured ones."""
    samples = []
    for view in views:
        target = one_hot(view.stain)
        samples.append(Sample(view.source, target, stain_features(view.od)))
        for _ in range(COPIES):
            features = stain_features(disturb(view.od, rng))
            samples.append(Sample(view.source, target, features))
        if view.stain in (Stain.HE, Stain.HDAB):
            samples += recoloured(view, rng)
    return [sample for sample in samples if np.isfinite(sample.features).all()]


def fit(samples: list[Sample]) -> StainModel:
    """Weight stains, and sources within a stain, alike; then minimise the cross entropy."""
    features = np.stack([sample.features for sample in samples])
    target = np.stack([sample.target for sample in samples])
    weight = balance(samples, target)
    mean = weight @ features
    scale = np.sqrt(weight @ (features - mean) ** 2) + 1e-6
    model = StainModel(mean, scale, np.zeros((len(FEATURES), len(STAINS))), np.zeros(len(STAINS)))
    standard = np.clip((features - mean) / scale, -4.0, 4.0)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = unflatten(flat)
        scores = standard @ weights + bias
        scores -= scores.max(axis=1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        error = (np.exp(logs) - target) * weight[:, None]
        value = -(weight @ (target * logs).sum(axis=1)) + RIDGE * (weights**2).sum()
        slope = np.concatenate([standard.T @ error + 2 * RIDGE * weights, error.sum(0)[None]])
        return float(value), slope.ravel()

    start = np.zeros((len(FEATURES) + 1) * len(STAINS))
    weights, bias = unflatten(minimize(loss, start, jac=True, method="L-BFGS-B").x)
    return StainModel(model.mean, model.scale, weights, bias)


def unflatten(flat: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (F, S) and bias (S,) from one vector."""
    table = flat.reshape(len(FEATURES) + 1, len(STAINS))
    return table[:-1], table[-1]


def balance(samples: list[Sample], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights that add up to 1: sources count with the root of their size."""
    keys = [(int(t.argmax()), s.source) for s, t in zip(samples, target, strict=True)]
    sizes = {key: keys.count(key) for key in set(keys)}
    weight = np.array([sizes[key] ** -0.5 for key in keys])
    for stain in range(len(STAINS)):
        chosen = np.array([key[0] == stain for key in keys])
        weight[chosen] *= (HE_PRIOR if STAINS[stain] is Stain.HE else 1.0) / weight[chosen].sum()
    return weight / weight.sum()


Scored = list[tuple[View, NDArray[np.float64]]]


def held_out(views: list[View], samples: list[Sample], rng: np.random.Generator | None) -> Scored:
    """Return scores of each view from a model blind to its source; disturbed if ``rng``."""
    scored: Scored = []
    for source in sorted({view.source for view in views}):
        unseen = {source, f"made-{source}"}
        model = fit([sample for sample in samples if sample.source not in unseen])
        for view in (view for view in views if view.source == source):
            od = view.od if rng is None else disturb(view.od, rng)
            features = stain_features(od)
            if np.isfinite(features).all():
                scored.append((view, model.scores(features)))
    return scored


def shares(scores: NDArray[np.float64], temperature: float, tissue_px: int) -> NDArray[np.float64]:
    """Return probabilities as `identify_stain` would give them."""
    evidence = tissue_px / (tissue_px + identity._HALF_EVIDENCE_PX)
    odds = np.exp((scores - scores.max()) * evidence / temperature)
    return odds / odds.sum()


def calibrate(scored: Scored) -> float:
    """Return the temperature that gives the held-out views the least cross entropy."""

    def loss(temperature: float) -> float:
        by_stain: dict[Stain, list[float]] = {}
        for view, scores in scored:
            share = shares(scores, temperature, view.tissue_px)[STAINS.index(view.stain)]
            by_stain.setdefault(view.stain, []).append(-np.log(max(share, 1e-9)))
        return float(np.mean([np.mean(losses) for losses in by_stain.values()]))

    return float(minimize_scalar(loss, bounds=(1.0, 6.0), method="bounded").x)


def report(title: str, scored: Scored, temperature: float) -> None:
    """Print the confusion matrix, the confidences and every confident mistake."""
    print(f"\n{title}: {len(scored)} views, temperature {temperature:.2f}")
    print(
        f"{'true':8}" + "".join(f"{stain:>8}" for stain in STAINS) + "  confident  wrong at >= 0.8"
    )
    for stain in STAINS:
        rows = [(view, shares(s, temperature, view.tissue_px)) for view, s in scored]
        rows = [(view, p) for view, p in rows if view.stain == stain]
        if not rows:
            continue
        table = np.stack([p for _, p in rows])
        counts = np.bincount(table.argmax(axis=1), minlength=len(STAINS))
        confident = table.max(axis=1) >= CLASH_CONFIDENCE
        wrong = confident & (table.argmax(axis=1) != STAINS.index(stain))
        line = "".join(f"{count:8d}" for count in counts)
        print(f"{stain:8}{line}  {confident.mean():9.2f}  {int(wrong.sum())}")
        for (view, p), bad in zip(rows, wrong, strict=True):
            if bad:
                print(f"          {view.name}: {STAINS[int(p.argmax())]} {p.max():.2f}")


def write(model: StainModel, path: Path) -> None:
    """Write the table that `identify_stain` reads."""
    arrays = {key: getattr(model, key) for key in ("mean", "scale", "weights", "bias")}
    table: dict[str, object] = {"features": FEATURES, "stains": STAINS}
    table |= {key: np.round(value, 4).tolist() for key, value in arrays.items()}
    table["temperature"] = round(model.temperature, 3)
    lines = [f'"{key}": {json.dumps(value)}' for key, value in table.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"\nwrote {path.name}")


if __name__ == "__main__":
    main()
