"""A bundle of one formula, other things commands are fed with, and what came of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from histo.provenance import file_sha256

FILES = {
    "components.ome.tif",
    "overview.png",
    "regions.geojson",
    "run.json",
    "scores.csv",
    "scores.json",
}
"""What a result folder holds."""

CARD = {
    "name": "formula",
    "version": "1",
    "summary": "What takes green light away is collagen.",
    "licence": "Apache-2.0",
    "stains": ["H&E"],
    "components": ["collagen"],
    "um_per_px": 1.0,
    "canvas_um_per_px": 2.0,
    "tile_px": 256,
    "context_px": 8,
    "blend_px": 16,
    "thresholds": {"collagen": 0.5},
    "network": {"arguments": {"encoder_depth": 3}},
    "data": [{"name": "none", "source": "a formula", "licence": "CC0-1.0", "samples": 1}],
    "intended_use": "Tests.",
    "failure_modes": ["It knows nothing."],
}
"""A network at 1 µm/px, so that it reads finer pixels than the low-power view does."""


def write_bundle(folder: Path, **changes: object) -> Path:
    """Write a bundle whose graph is sigmoid((150 - green) / 10): no torch is needed for it."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from safetensors.numpy import save_file

    def constant(name: str, values: object, dtype: type) -> onnx.TensorProto:
        return numpy_helper.from_array(np.array(values, dtype), name)

    nodes = [
        helper.make_node("Cast", ["tiles"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["pixels", "green"], ["channel"], axis=3),
        helper.make_node("Sub", ["cut", "channel"], ["above"]),
        helper.make_node("Mul", ["above", "slope"], ["logit"]),
        helper.make_node("Transpose", ["logit"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Sigmoid", ["turned"], ["probability"]),
    ]
    sides = ["batch", "height", "width"]
    graph = helper.make_graph(
        nodes,
        "formula",
        [helper.make_tensor_value_info("tiles", TensorProto.UINT8, [*sides, 3])],
        [
            helper.make_tensor_value_info(
                "probability", TensorProto.FLOAT, ["batch", 1, "height", "width"]
            )
        ],
        [
            constant("green", [1], np.int64),
            constant("cut", 150, np.float32),
            constant("slope", 0.1, np.float32),
        ],
    )
    folder.mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, folder / "graph.onnx")
    tile = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    answer = 1 / (1 + np.exp((tile[..., 1].astype(np.float32) - 150) / 10))
    save_file({"input": tile, "output": answer[:, None]}, folder / "reference.safetensors")
    save_file({"nothing": np.zeros(1, np.float32)}, folder / "weights.safetensors")
    files = ("weights.safetensors", "graph.onnx", "reference.safetensors")
    digests = {name: file_sha256(folder / name) for name in files}
    card = yaml.safe_dump({**CARD, **changes, "sha256": digests}, allow_unicode=True)
    (folder / "card.yaml").write_text(card, encoding="utf-8")
    return folder


def write_roi(path: Path, left: float, top: float, right: float, bottom: float) -> Path:
    """Write a rectangle in level-0 pixels as QuPath does."""
    ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    feature = {
        "type": "Feature",
        "properties": {"objectType": "annotation"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8"
    )
    return path


def write_png(path: Path, colour: int | tuple[int, int, int], side_px: int = 400) -> Path:
    """Write a picture of one colour."""
    from PIL import Image

    pixels: NDArray[np.uint8] = np.full((side_px, side_px, 3), colour, np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@dataclass(frozen=True)
class Typed:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def says(self, *words: str) -> bool:
        """Whether standard error holds one sentence with all of these words, and no traceback."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert "unexpected" not in self.err
        return lines[0].startswith("Error: ") and all(word in lines[0] for word in words)


def complete(folder: Path) -> bool:
    """Whether a result folder holds every file and nothing else."""
    return {path.name for path in folder.iterdir()} == FILES


def left_in(out: Path) -> set[str]:
    """Names of everything in a results folder, hidden or not; none if it is not there."""
    return {path.name for path in out.iterdir()} if out.is_dir() else set()
