"""Stain painted on real tissue in optical density, with the truth known: see `simulate_dab`."""

from histo.stains.simulate.patch import SimulatedPatch, simulate_dab
from histo.stains.simulate.spec import Chromogen, Scene, SimulationSpec
from histo.stains.simulate.tissue import Tissue, brown_share, unmixed_tissue

__all__ = [
    "Chromogen",
    "Scene",
    "SimulatedPatch",
    "SimulationSpec",
    "Tissue",
    "brown_share",
    "simulate_dab",
    "unmixed_tissue",
]
