"""Which stain a section carries, told from its colours.

Multinomial logistic regression on `stain_features`; its coefficients stand in
``identity.json`` beside this file and are fitted by ``benchmarks/stain_identity.py --fit``, which
also prints how it does on sources it has not seen.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from histo.stains.chroma import FEATURES, stain_features
from histo.stains.density import optical_density
from histo.vocabulary import Stain

__all__ = ["CLASH_CONFIDENCE", "StainGuess", "StainModel", "identify_stain"]

CLASH_CONFIDENCE = 0.8
"""From this confidence on a guess that contradicts the bundle or the user is a clash."""

_SAMPLE_PX = 100_000
_HALF_EVIDENCE_PX = 150
# Tissue pixels at which the colours speak with half of their weight: some specks prove nothing.


@dataclass(frozen=True)
class StainGuess:
    """The likeliest stain.

    Attributes
    ----------
    stain
        The likeliest; `Stain.OTHER` where there is nothing to judge.
    confidence
        Its probability, 0 to 1; see `CLASH_CONFIDENCE`.
    probabilities
        Of every stain; they add up to 1.
    """

    stain: Stain
    confidence: float
    probabilities: dict[Stain, float]


@dataclass(frozen=True)
class StainModel:
    """Coefficients of the logistic regression.

    Attributes
    ----------
    mean, scale
        ndarray of float64, shape (F,): standardisation of `FEATURES`.
    weights, bias
        ndarray of float64, shapes (F, S) and (S,), S stains in the order of `Stain`.
    temperature
        Divides the scores so that confidences hold on unseen sources.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    temperature: float = 1.0

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds, up to a constant: ndarray of float64, shape (..., S), from (..., F)."""
        standard = np.clip((features - self.mean) / self.scale, -4.0, 4.0)
        scores: NDArray[np.float64] = (standard @ self.weights + self.bias) / self.temperature
        return scores

    def probabilities(
        self, features: NDArray[np.float64], evidence: float = 1.0
    ) -> NDArray[np.float64]:
        """Probability of each stain: softmax of the scores times ``evidence`` (0: all alike)."""
        scores = self.scores(features) * evidence
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares: NDArray[np.float64] = odds / odds.sum(axis=-1, keepdims=True)
        return shares


def identify_stain(
    rgb: NDArray[np.uint8], tissue: NDArray[np.bool_], white_point: ArrayLike
) -> StainGuess:
    """Guess the stain of a view.

    Parameters
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3), 1 to 10 µm/px.
    tissue
        ndarray of bool, shape (H, W): the pixels to judge.
    white_point
        Colour of the slide's glass, (R, G, B).

    Returns
    -------
    StainGuess
        Little tissue, or colours that several stains share (haematoxylin alone), give a low
        confidence.
    """
    if tissue.shape != rgb.shape[:2]:
        raise ValueError(f"tissue {tissue.shape} does not fit the view {rgb.shape[:2]}")
    pixels = rgb[tissue]
    count = len(pixels)
    # An even stride draws the same pixels every time.
    sample = pixels[:: max(1, count // _SAMPLE_PX)]
    features = stain_features(optical_density(sample, white_point)) if count else None
    if features is None or np.isnan(features).any():
        return _guess(np.full(len(Stain), 1.0 / len(Stain)))
    return _guess(_model().probabilities(features, count / (count + _HALF_EVIDENCE_PX)))


def _guess(shares: NDArray[np.float64]) -> StainGuess:
    stains = tuple(Stain)
    best = int(shares.argmax()) if np.ptp(shares) > 0 else stains.index(Stain.OTHER)
    by_stain = {stain: float(share) for stain, share in zip(stains, shares, strict=True)}
    return StainGuess(stains[best], float(shares[best]), by_stain)


@cache
def _model() -> StainModel:
    table = json.loads(files("histo.stains").joinpath("identity.json").read_text("utf-8"))
    if tuple(table["features"]) != FEATURES or tuple(table["stains"]) != tuple(map(str, Stain)):
        raise RuntimeError("identity.json was fitted on other features; fit it again")
    arrays = {key: np.array(table[key]) for key in ("mean", "scale", "weights", "bias")}
    return StainModel(**arrays, temperature=float(table["temperature"]))
