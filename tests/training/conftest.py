"""Six drawn cores, written once, read once."""

from pathlib import Path

import numpy as np
import pytest
from training_fakes import write_study

from histo.training.config import LabelConfig
from histo.training.shg.cores import Core, read_cores


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of six cores; the images lie beside it."""
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def cores(study: Path) -> list[Core]:
    return read_cores(study, study.parent, LabelConfig())


@pytest.fixture
def bare_core():
    """Make a core of a name and an organ, with nothing on it."""

    def make(name: str, organ: str, side_px: int = 4) -> Core:
        plane = np.zeros((side_px, side_px), np.float32)
        return Core(
            name=name,
            organ=organ,
            rgb=np.full((side_px, side_px, 3), 240, np.uint8),
            shg=plane,
            target=plane,
            tissue=plane == 0,
            weight=plane + 1,
            um_per_px=2.0,
        )

    return make
