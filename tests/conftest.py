"""Fixtures every test room shares."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the development images; the test is skipped where it is absent."""
    folder = Path(os.environ.get("HISTO_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("development images are not here (set HISTO_DATA to their folder)")
    return folder
