"""Put a patch together: counterstain, chromogen, what only looks like it, optics, labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.stains.density import rgb_from_density
from histo.stains.simulate.noise import smooth_noise
from histo.stains.simulate.nuclei import nuclear_shapes
from histo.stains.simulate.painting import Painted, painted_scene
from histo.stains.simulate.pigment import PIGMENTS, edge_stain, pigment_od
from histo.stains.simulate.spec import Scene, SimulationSpec
from histo.stains.simulate.tissue import Tissue

__all__ = ["SimulatedPatch", "simulate_dab"]

Float32 = NDArray[np.float32]

_GROUND_COLOUR = (0.56, 0.65, 0.49)  # pale tissue of ten real H-DAB images: lilac grey
_POSITIVE_CELL = 0.15  # share of a cell's profile that must be positive for it to count
_CENTRE_UM = 2.0  # sigma of a cell's peak in the centre map


@dataclass(frozen=True)
class SimulatedPatch:
    """A painted patch and its truth; arrays have shape (H, W) unless said.

    Attributes
    ----------
    rgb
        uint8, shape (H, W, 3).
    positive
        bool: painted chromogen at or above ``positive_od``. Unspecific background, stained edges
        and pigment are not in it.
    cell
        float32, 0 to 1: a Gaussian peak (sigma 2 µm) on each counted cell's nucleus.
    muscle
        bool: vessel walls and bundles of smooth muscle.
    distractor
        bool: pigment and stained edges, where they do not lie on what is positive.
    chromogen
        float32, decades of painted chromogen: `positive` at any other limit.
    cells
        int32: number (from 1) of the counted cell whose profile this is, or 0.
    centres_px
        float32, shape (N, 2): (row, col) of the counted cells' nuclei.
    areas_um2
        float32, shape (N,): area of their profiles (of their nuclei in the scene "nuclei").
    scene
        What was painted.
    """

    rgb: NDArray[np.uint8]
    positive: NDArray[np.bool_]
    cell: Float32
    muscle: NDArray[np.bool_]
    distractor: NDArray[np.bool_]
    chromogen: Float32
    cells: NDArray[np.int32]
    centres_px: Float32
    areas_um2: Float32
    scene: Scene


def simulate_dab(
    tissue: Tissue, rng: np.random.Generator, spec: SimulationSpec | None = None
) -> SimulatedPatch:
    """Paint one patch of immunostain on real tissue, in optical density.

    Densities add up, so that od = H h + G g + D d + pigment with h the counterstain, g the pale
    ground and d the chromogen; light is glass * 10^-od. JPEG is left to the training's
    augmentation.

    Parameters
    ----------
    tissue
        From `unmixed_tissue`; not changed.
    rng
        The same state gives the same patch.
    spec
        Ranges of everything drawn; the defaults are DAB.

    Returns
    -------
    SimulatedPatch

    Examples
    --------
    >>> from histo.stains.simulate import unmixed_tissue
    >>> glass = np.full((64, 64, 3), 240, np.uint8)
    >>> patch = simulate_dab(unmixed_tissue(glass, 0.5, "he"), np.random.default_rng(0))
    >>> patch.positive.any(), patch.rgb.shape
    (np.False_, (64, 64, 3))
    """
    spec = spec or SimulationSpec()
    scene = _drawn_scene(spec, rng)
    painted = painted_scene(tissue, scene, spec, rng)
    # The slide's focus blurs the chromogen and its label alike.
    soft_px = rng.uniform(0.3, 0.5) / tissue.um_per_px
    if rng.random() < spec.defocus_chance:
        soft_px = float(np.hypot(soft_px, rng.uniform(*spec.defocus_um) / tissue.um_per_px))
    whole = ndimage.gaussian_filter(painted.chromogen, 0.4 / tissue.um_per_px)
    chromogen = np.minimum(whole, spec.clip_od) * (tissue.cover * painted.kept > 0.5)
    pigment, pigmented = _pigments(tissue, spec, rng)
    edge = edge_stain(tissue, rng) if rng.random() < spec.edge_chance else chromogen * 0
    od = _counterstain(tissue, painted.kept, spec, rng) + pigment * painted.kept[..., None]
    unspecific = edge + _background(tissue, chromogen, spec, rng)
    brown = np.minimum(chromogen + unspecific * painted.kept, spec.clip_od)
    od += brown[..., None] * _colour(spec.chromogen.od, spec.chromogen.hue_sd, rng)
    positive = chromogen >= spec.positive_od
    distractor = (pigmented | (edge >= 0.05)) & (painted.kept > 0.5) & ~positive
    cells, centres, areas = _counted(tissue, painted, positive)
    return SimulatedPatch(
        rgb=_photographed(od, soft_px, spec, rng),
        positive=positive,
        cell=_peaks(centres, tissue),
        muscle=painted.muscle,
        distractor=distractor,
        chromogen=chromogen.astype(np.float32),
        cells=cells,
        centres_px=centres,
        areas_um2=areas,
        scene=scene,
    )


def _drawn_scene(spec: SimulationSpec, rng: np.random.Generator) -> Scene:
    weight = np.array(list(spec.scenes.values()), float)
    return list(spec.scenes)[int(rng.choice(len(weight), p=weight / weight.sum()))]


def _colour(od: tuple[float, float, float], spread: float, rng: np.random.Generator) -> Float32:
    """Return a unit vector near the direction given, shape (3,)."""
    unit = np.array(od) / np.linalg.norm(od)
    drawn = np.maximum(unit + rng.normal(0, spread, 3), 0.02)
    return np.asarray(drawn / np.linalg.norm(drawn), np.float32)


def _counterstain(
    tissue: Tissue, kept: Float32, spec: SimulationSpec, rng: np.random.Generator
) -> Float32:
    """Optical density of haematoxylin and ground, shape (H, W, 3)."""
    in_nuclei = tissue.haematoxylin[tissue.nuclei > 0]
    dark = float(np.percentile(in_nuclei, 90)) if in_nuclei.size else 1.0
    haematoxylin = tissue.haematoxylin * (rng.uniform(*spec.nuclear_od) / max(dark, 0.15))
    ground = tissue.ground ** np.float32(0.65) * rng.uniform(*spec.ground_od) * tissue.cover
    # What haematoxylin there is outside nuclei belongs to the ground's density already.
    outside = haematoxylin[(tissue.nuclei == 0) & (tissue.cover > 0.5)]
    veil = 0.7 * float(np.median(outside)) if outside.size else 0.0
    haematoxylin = np.maximum(haematoxylin - veil, 0.0)
    blue = _colour(spec.counterstain_od, spec.counterstain_hue_sd, rng)
    pale = _colour(_GROUND_COLOUR, 0.03, rng)
    od: Float32 = haematoxylin[..., None] * blue + ground[..., None] * pale
    return np.asarray(od * kept[..., None], np.float32)


def _background(
    tissue: Tissue, chromogen: Float32, spec: SimulationSpec, rng: np.random.Generator
) -> Float32:
    """Unspecific chromogen: a veil over all tissue, and a halo around what is strongly stained."""
    blotches = smooth_noise(rng, tissue.shape, 25 / tissue.um_per_px)
    veil = tissue.cover * np.clip(0.6 + 0.3 * tissue.ground + 0.3 * blotches, 0, 2)
    halo = ndimage.gaussian_filter(chromogen, rng.uniform(1.5, 4.0) / tissue.um_per_px)
    spilled = np.maximum(halo - chromogen, 0) * rng.uniform(0.0, 0.18) * tissue.cover
    return np.asarray(veil * rng.uniform(*spec.background_od) + spilled, np.float32)


def _pigments(
    tissue: Tissue, spec: SimulationSpec, rng: np.random.Generator
) -> tuple[Float32, NDArray[np.bool_]]:
    od = np.zeros((*tissue.shape, 3), np.float32)
    where = np.zeros(tissue.shape, np.bool_)
    if rng.random() >= spec.distractor_chance:
        return od, where
    kind = list(PIGMENTS)[int(rng.integers(len(PIGMENTS)))]
    area_mm2 = tissue.cover.sum() * tissue.um_per_px**2 * 1e-6
    clumps = 1 + rng.poisson(area_mm2 * np.exp(rng.uniform(np.log(50), np.log(1200))))
    return pigment_od(tissue, PIGMENTS[kind], int(clumps), rng)


def _counted(
    tissue: Tissue, painted: Painted, positive: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], Float32, Float32]:
    """Return profiles, centres and areas of the cells that are visibly positive."""
    owner = painted.owner
    size = int(tissue.nuclei.max(initial=0)) + 1
    area = np.bincount(owner.ravel(), minlength=size)
    stained = np.bincount(owner[positive], minlength=size)
    counts = (area > 0) & (stained >= _POSITIVE_CELL * area)
    counts[0] = False
    number = np.where(counts, np.cumsum(counts), 0).astype(np.int32)
    centres = nuclear_shapes(tissue.nuclei)[0][counts[1:]].astype(np.float32)
    areas = (area[counts] * tissue.um_per_px**2).astype(np.float32)
    return number[owner], centres, areas


def _peaks(centres: Float32, tissue: Tissue) -> Float32:
    peaks = np.zeros(tissue.shape, np.float32)
    sigma = _CENTRE_UM / tissue.um_per_px
    reach = int(3 * sigma) + 1
    for row, col in centres:
        top, left = max(0, round(row) - reach), max(0, round(col) - reach)
        window = peaks[top : round(row) + reach + 1, left : round(col) + reach + 1]
        down = np.arange(window.shape[0])[:, None] + top - row
        right = np.arange(window.shape[1])[None, :] + left - col
        np.maximum(window, np.exp(-(down**2 + right**2) / (2 * sigma**2)), out=window)
    return peaks


def _photographed(
    od: Float32, soft_px: float, spec: SimulationSpec, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Turn densities into light, blur, add the camera's noise."""
    glass = np.clip(rng.uniform(*spec.glass) + rng.normal(0, 1.5, 3), 200, 255)
    light = glass * 10.0 ** -od.astype(np.float64)
    # The background was in focus as its own microscope saw it: only what exceeds that blurs.
    light = ndimage.gaussian_filter(light, (max(soft_px - 0.5, 0.0), max(soft_px - 0.5, 0.0), 0))
    noise = rng.standard_normal(light.shape[:2])[..., None] * rng.uniform(*spec.camera_noise)
    return rgb_from_density(-np.log10(np.maximum(light + noise, 1.0) / 255.0), (255, 255, 255))
