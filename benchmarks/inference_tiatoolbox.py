"""TIAToolbox's SemanticSegmentor with a bundle's weights, timed; runs without histo installed.

Started by ``inference.py`` in TIAToolbox's own environment. The network is rebuilt from the card
as ``histo/nn/network.py`` does, normalisation inside, unused encoder stages cut off.
"""

from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
import yaml
from inference_process import answer, clocked
from safetensors.torch import load_file
from tiatoolbox.models.engine.io_config import IOSegmentorConfig
from tiatoolbox.models.engine.semantic_segmentor import SemanticSegmentor
from tiatoolbox.models.models_abc import ModelABC

_PARITY = 2e-3


class CardNetwork(ModelABC):
    """The bundle's network as TIAToolbox wants it: NHWC pixels in, NHWC probabilities out."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        card = yaml.safe_load((folder / "card.yaml").read_text(encoding="utf-8"))
        spec, classes = card["network"], len(card["components"])
        arguments = {**spec["arguments"], "encoder_weights": None, "classes": classes}
        self.body = getattr(smp, spec["name"])(**arguments)
        encoder = self.body.encoder
        last = encoder._out_indexes[encoder._depth - 1]
        encoder.features = encoder.features[: last + 1]
        for name in ("mean", "std"):
            values = torch.tensor(spec[name]).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)
        weights = load_file(str(folder / "weights.safetensors"))
        self.load_state_dict({name: value.float() for name, value in weights.items()})

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return logits (N, C, H, W) of RGB pixels (N, 3, H, W)."""
        return self.body((pixels - self.mean) / self.std)

    @staticmethod
    def infer_batch(model: torch.nn.Module, batch_data: torch.Tensor, *, device: str) -> np.ndarray:
        """Return probabilities (N, H, W, C) of patches (N, H, W, 3)."""
        model.eval()
        pixels = batch_data.to(device=device, dtype=torch.float32).permute(0, 3, 1, 2)
        with torch.inference_mode():
            chance = torch.sigmoid(model(pixels))
        return chance.permute(0, 2, 3, 1).cpu().numpy()

    @staticmethod
    def postproc(image: np.ndarray) -> np.ndarray:
        """Return whether the first component is as likely as not, (H, W)."""
        return image[..., 0] >= 0.5


class _Counting(SemanticSegmentor):
    """Remembers how many patches there were."""

    patches = 0

    def infer_wsi(self, dataloader: Any, *args: Any, **kwargs: Any) -> Any:
        """Count, then go on as ever."""
        self.patches = len(dataloader.dataset)
        return super().infer_wsi(dataloader, *args, **kwargs)


def segment(job: dict[str, Any]) -> dict[str, Any]:
    """Segment a slide inside its mask: patches side by side, no overlap, as is the default."""
    out = Path(job["folder"]) / "tiatoolbox"
    rmtree(out, ignore_errors=True)
    network = CardNetwork(Path(job["bundle"]))
    _require_parity(network, Path(job["bundle"]))
    resolution = [{"units": "mpp", "resolution": job["um_per_px"]}]
    patch = (job["tile_px"], job["tile_px"])
    layout = IOSegmentorConfig(
        input_resolutions=resolution,
        output_resolutions=resolution,
        save_resolution=resolution[0],
        patch_input_shape=patch,
        patch_output_shape=patch,
        stride_shape=patch,
    )
    batch, workers = job["batch"], job["workers"]
    with clocked() as clock:
        engine = _Counting(
            network, batch_size=batch, num_workers=workers, device="cpu", verbose=False
        )
        engine.run(
            [Path(job["slide"])],
            masks=[Path(job["mask"])],
            patch_mode=False,
            ioconfig=layout,
            save_dir=out,
            output_type="zarr",
            wsireader_kwargs={"mpp": (job["um_per_px"],) * 2, "power": None},
        )
    rmtree(out)
    return {
        **clock.as_dict(),
        "tiles": engine.patches,
        "tile_px": job["tile_px"],
        "backend": f"torch {torch.__version__} cpu f32, {workers} workers, batch {batch}",
    }


def _require_parity(network: CardNetwork, bundle: Path) -> None:
    """Make sure that it is the same network: it gives the bundle's reference."""
    reference = load_file(str(bundle / "reference.safetensors"))
    found = CardNetwork.infer_batch(network, reference["input"], device="cpu")
    worst = np.abs(found - reference["output"].float().permute(0, 2, 3, 1).numpy()).max()
    if worst > _PARITY:
        raise RuntimeError(
            f"not the bundle's network: it differs from its reference by {worst:.1e}"
        )


if __name__ == "__main__":
    answer(segment)
