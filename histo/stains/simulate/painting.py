"""The chromogen of one scene, before optics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import expand_labels

from histo.stains.simulate.cells import (
    Pattern,
    chosen_nuclei,
    grown_cells,
    grown_fragments,
    stain_in_cells,
)
from histo.stains.simulate.fibres import muscle_bundle, spindles, vessel_rings
from histo.stains.simulate.noise import smooth_noise
from histo.stains.simulate.spec import Scene, SimulationSpec
from histo.stains.simulate.tissue import Tissue

__all__ = ["Painted", "painted_scene"]

Float32 = NDArray[np.float32]
_FAINTEST_OD = 0.28  # a weaker cell would be a matter of taste


@dataclass(frozen=True)
class Painted:
    """Chromogen and what it means; arrays have shape (H, W).

    Attributes
    ----------
    chromogen
        float32, decades.
    owner
        int32: number of the nucleus whose positive cell this is, or 0.
    muscle
        bool: vessel walls and muscle bundles.
    kept
        float32: 0 where a lumen was carved out of the tissue, else 1.
    """

    chromogen: Float32
    owner: NDArray[np.int32]
    muscle: NDArray[np.bool_]
    kept: Float32


def painted_scene(
    tissue: Tissue, scene: Scene, spec: SimulationSpec, rng: np.random.Generator
) -> Painted:
    """Paint what the scene calls for."""
    if scene is Scene.NOTHING or not (tissue.cover > 0.5).any():
        shape = tissue.shape
        nothing = np.zeros(shape, np.float32)
        flags = np.zeros(shape, np.bool_)
        return Painted(nothing, np.zeros(shape, np.int32), flags, np.ones(shape, np.float32))
    if scene is Scene.FIBRES:
        return _fibres(tissue, spec, rng)
    return _cells(tissue, scene, spec, rng)


def _cells(tissue: Tissue, scene: Scene, spec: SimulationSpec, rng: np.random.Generator) -> Painted:
    pattern: Pattern = "cytoplasmic"
    if scene in (Scene.LYMPHOCYTES, Scene.SHEET):
        pattern = "membranous" if rng.random() < 0.65 else "cytoplasmic"
    if scene is Scene.NUCLEI:
        pattern = "nuclear"
    owner = _profiles(tissue, scene, spec, rng)
    base = rng.uniform(*spec.chromogen.strength_od)
    spread = rng.normal(0, spec.chromogen.cell_spread, int(tissue.nuclei.max(initial=0)) + 1)
    strength = np.maximum(base * np.exp(spread), _FAINTEST_OD).astype(np.float32)
    strength[0] = 0.0
    chromogen = stain_in_cells(tissue, owner, pattern, strength, rng.uniform(0.2, 0.75))
    if scene in (Scene.MACROPHAGES, Scene.LYMPHOCYTES):
        count = int(rng.poisson(0.5 * len(np.unique(owner))))
        cut = grown_fragments(tissue, owner > 0, count, rng)
        chromogen += cut * np.float32(base * rng.uniform(0.5, 1.0))
    chromogen *= _texture(tissue, spec.chromogen.texture, rng)
    kept = np.ones(tissue.shape, np.float32)
    return Painted(chromogen, owner, np.zeros(tissue.shape, np.bool_), kept)


def _profiles(
    tissue: Tissue, scene: Scene, spec: SimulationSpec, rng: np.random.Generator
) -> NDArray[np.int32]:
    low, high = np.log(spec.positive_share)
    share = float(np.exp(rng.uniform(low, high)))
    if scene is Scene.SHEET:
        return _sheet(tissue, rng)
    numbers = chosen_nuclei(tissue, share, rng.uniform(0.0, 2.5), rng)
    if scene is Scene.NUCLEI:
        return np.where(np.isin(tissue.nuclei, numbers), tissue.nuclei, 0).astype(np.int32)
    if scene is Scene.LYMPHOCYTES:
        return grown_cells(tissue, numbers, spec.lymphocyte_um2, 0.12, rng)
    return grown_cells(tissue, numbers, spec.macrophage_um2, rng.uniform(0.25, 0.55), rng)


def _sheet(tissue: Tissue, rng: np.random.Generator) -> NDArray[np.int32]:
    """Confluent cells, as of a stained epithelium: every nucleus of a region, wall to wall."""
    reach = rng.uniform(3.0, 7.0) / tissue.um_per_px
    whole = expand_labels(tissue.nuclei, reach)
    region = smooth_noise(rng, tissue.shape, 50 / tissue.um_per_px) > rng.uniform(-0.2, 0.8)
    inside = np.unique(tissue.nuclei[region & (tissue.nuclei > 0)])
    owner = np.where(np.isin(whole, inside) & (tissue.cover > 0.5), whole, 0)
    profiles: NDArray[np.int32] = owner.astype(np.int32)
    return profiles


def _fibres(tissue: Tissue, spec: SimulationSpec, rng: np.random.Generator) -> Painted:
    stain = np.zeros(tissue.shape, np.float32)
    muscle = np.zeros(tissue.shape, np.bool_)
    kept = np.ones(tissue.shape, np.float32)
    area_mm2 = tissue.shape[0] * tissue.shape[1] * tissue.um_per_px**2 * 1e-6
    if rng.random() < 0.85:
        per_mm2 = np.exp(rng.uniform(np.log(1500), np.log(14000)))
        stain = spindles(tissue, 3 + int(area_mm2 * per_mm2), rng)
    if rng.random() < 0.75:
        ring, muscle, kept = vessel_rings(tissue, int(rng.poisson(60 * area_mm2)), rng)
        stain = np.maximum(np.where(muscle, 0, stain), ring) * (kept > 0.5)
    if rng.random() < 0.25:
        fibres, bundle = muscle_bundle(tissue, rng)
        bundle &= kept > 0.5
        stain = np.maximum(stain, fibres * bundle)
        muscle = muscle | bundle
    # Real fibres show through: stain is denser where the tissue is.
    relief = tissue.ground / np.maximum(
        ndimage.gaussian_filter(tissue.ground, 4 / tissue.um_per_px), 0.1
    )
    base = max(rng.uniform(*spec.chromogen.strength_od), _FAINTEST_OD)
    chromogen = stain * np.float32(base) * np.clip(relief, 0.5, 1.5)
    chromogen = chromogen * _texture(tissue, 0.7 * spec.chromogen.texture, rng)
    return Painted(chromogen.astype(np.float32), np.zeros(tissue.shape, np.int32), muscle, kept)


def _texture(tissue: Tissue, spread: float, rng: np.random.Generator) -> Float32:
    """Grain of the precipitate and clouds of some µm: a log-normal factor of median 1."""
    grain = smooth_noise(rng, tissue.shape, 0.5 / tissue.um_per_px)
    clouds = smooth_noise(rng, tissue.shape, 1.8 / tissue.um_per_px)
    factor: Float32 = np.exp(np.float32(spread) * (0.65 * grain + 0.75 * clouds))
    return factor
