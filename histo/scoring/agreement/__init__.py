"""How well two or more readings of the same slides agree, with intervals."""

from histo.scoring.agreement.comparison import (
    Agreement,
    Baseline,
    PairAgreement,
    agreement,
    baseline,
)
from histo.scoring.agreement.concordance import concordance
from histo.scoring.agreement.estimate import CONFIDENCE, Estimate
from histo.scoring.agreement.intraclass import icc
from histo.scoring.agreement.kappa import weighted_kappa
from histo.scoring.agreement.limits import BlandAltman, bland_altman
from histo.scoring.agreement.resampling import FEWEST_PATIENTS, PatientBootstrap
from histo.scoring.agreement.scale import (
    Scale,
    backward,
    choose_scale,
    forward,
    unit_in_name,
    usable,
)

__all__ = [
    "CONFIDENCE",
    "FEWEST_PATIENTS",
    "Agreement",
    "Baseline",
    "BlandAltman",
    "Estimate",
    "PairAgreement",
    "PatientBootstrap",
    "Scale",
    "agreement",
    "backward",
    "baseline",
    "bland_altman",
    "choose_scale",
    "concordance",
    "forward",
    "icc",
    "unit_in_name",
    "usable",
    "weighted_kappa",
]
