"""One bundle for all: made from a seed, exported once."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from nn_fakes import STRIDE_PX, card_values, noise_tiles, write_paper_bundle

from histo.nn.bundle import Bundle, load_bundle
from histo.nn.card import Card


@pytest.fixture
def card() -> Card:
    return Card.model_validate(card_values())


@pytest.fixture
def paper_bundle(tmp_path: Path) -> Path:
    """Folder of a bundle whose files are a few bytes each, with a true card."""
    return write_paper_bundle(tmp_path / "tiny")


@pytest.fixture(scope="session")
def made_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle exported from a network with random weights and settled batch norms."""
    for needed in ("torch", "segmentation_models_pytorch", "onnx", "onnxscript"):
        pytest.importorskip(needed)
    import torch

    from histo.nn.export import export_bundle
    from histo.nn.network import StromaNetwork

    made = Card.model_validate(card_values())
    torch.manual_seed(7)
    network = StromaNetwork(made.network, len(made.components)).train()
    with torch.no_grad():
        for seed in range(30):  # else the norms keep mean 0, variance 1 and all maps are flat
            network(torch.from_numpy(noise_tiles(2, 64, 64, seed)))
        network.body.segmentation_head[0].weight *= 3
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    return export_bundle(folder, network, made, noise_tiles(1, 64, 96, seed=1))


@pytest.fixture
def own_bundle(made_bundle: Bundle, tmp_path: Path) -> Bundle:
    """A copy of the made bundle that a test may spoil."""
    return load_bundle(shutil.copytree(made_bundle.folder, tmp_path / "tiny"))


@pytest.fixture(scope="session")
def tiles() -> np.ndarray:
    """Three different tiles, uint8, (3, 64, 96, 3)."""
    return noise_tiles(3, 8 * STRIDE_PX, 12 * STRIDE_PX, seed=2)
