"""Tiled inference: a slide and a function become a map of components; knows no torch.

::

    plan = plan_tiles(frame, spacing, target, TileSettings(512, 64, 32), reduction=4, stride_px=32)
    components = segment(slide, plan, predict, FlowSettings(batch=4, threads=2))
"""

from histo.inference.plan import Target, Tile, TilePlan, TileSettings
from histo.inference.planning import plan_tiles
from histo.inference.reader import Batch, FlowSettings, Readable, read_batches
from histo.inference.segment import ComponentMap, Predict, Probabilities, segment

__all__ = [
    "Batch",
    "ComponentMap",
    "FlowSettings",
    "Predict",
    "Probabilities",
    "Readable",
    "Target",
    "Tile",
    "TilePlan",
    "TileSettings",
    "plan_tiles",
    "read_batches",
    "segment",
]
