"""Choose who runs a bundle: OpenVINO on the CPU, torch on a GPU."""

from importlib.util import find_spec

from histo.config import InferenceSettings
from histo.errors import BackendError
from histo.nn.bundle import Bundle
from histo.nn.predictor import Predictor

__all__ = ["available_devices", "load_predictor"]


def available_devices() -> list[str]:
    """Devices a bundle can run on here, fastest first; asks torch only if it is installed."""
    devices = ["cpu"]
    if find_spec("torch") is None or find_spec("segmentation_models_pytorch") is None:
        return devices
    import torch

    if torch.backends.mps.is_available():
        devices.insert(0, "mps")
    if torch.cuda.is_available():
        devices.insert(0, "cuda")
    return devices


def load_predictor(
    bundle: Bundle, settings: InferenceSettings, *, reduction: int = 1, context_px: int = 0
) -> Predictor:
    """Return the predictor the settings ask for.

    "auto" is a GPU where one is visible, else OpenVINO on the CPU; "torch-cpu" runs torch on the
    CPU, for comparison.

    Parameters
    ----------
    bundle
        The network.
    settings
        Device and precision.
    reduction
        k: the mean over k x k pixels is taken on the device.
    context_px
        Border of a tile whose answer nobody reads. A backend may leave it out, as 0.

    Raises
    ------
    BackendError
        If the device, or the library it needs, is missing; with the command that installs it.
    """
    device: str = settings.device
    if device == "auto":
        device = "cpu" if _no_gpu_driver() else available_devices()[0]
    if device == "cpu":
        from histo.nn.openvino_predictor import OpenVinoPredictor

        return OpenVinoPredictor(
            bundle, reduction=reduction, precision=settings.precision, context_px=context_px
        )
    if find_spec("torch") is None or find_spec("segmentation_models_pytorch") is None:
        raise BackendError(
            f"--device {device} needs torch; install it with: pip install 'histo-stroma[gpu]'"
        )
    from histo.nn.torch_predictor import TorchPredictor

    return TorchPredictor(
        bundle,
        device="cpu" if device == "torch-cpu" else device,
        reduction=reduction,
        precision=settings.precision,
    )


def _no_gpu_driver() -> bool:
    """Tell cheaply that no GPU can be used, without the seconds that importing torch takes."""
    import platform
    from ctypes.util import find_library

    if platform.system() == "Darwin":
        return platform.machine() != "arm64"
    return find_library("cuda") is None and find_library("nvcuda") is None
