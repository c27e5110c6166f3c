"""Agreement of readings on tables whose figures are published, or known by hand."""

from benchmarks.truths import Truth
from histo.scoring.agreement import Scale, bland_altman, concordance, icc, weighted_kappa

__all__ = ["truths"]

SHROUT_FLEISS = (
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
)


def truths() -> list[Truth]:
    """Return every figure of agreement beside its truth."""
    intraclass = icc(SHROUT_FLEISS)
    table = "Shrout & Fleiss 1979, 6 targets x 4 judges"
    paper = "their table 4; interval by McGraw & Wong 1996"
    shifted = concordance([1, 2, 3, 4, 5], [2, 3, 4, 5, 6])
    doubled = bland_altman([2, 4, 8, 20], [1, 2, 4, 10], Scale.LOG)
    kappa = weighted_kappa([0, 1, 2, 2], [0, 1, 1, 2])
    return [
        Truth("icc", table, intraclass.value, 0.29, 0.005, paper),
        Truth("icc, low", table, intraclass.low, 0.02, 0.005, paper),
        Truth("icc, high", table, intraclass.high, 0.76, 0.005, paper),
        Truth("concordance", "1 to 5 against 2 to 6", shifted.value, 0.8, 1e-12, "4 / (2 + 2 + 1)"),
        Truth("bland_altman", "one table twice the other, log", doubled.bias.value, 2, 1e-12, "2"),
        Truth("weighted_kappa", "0122 against 0112", kappa.value, 0.8, 1e-12, "1 - 0.25 / 1.25"),
    ]
