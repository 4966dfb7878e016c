"""Stores of small labelled photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesdk_training.detector.scenes.store import Writer
from tests.training.detector.small_photos import photo


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """30 photos with one or two faces, and 12 without."""
    folder = tmp_path_factory.mktemp("stores")
    with Writer(folder / "faces") as store:
        for number in range(30):
            store.add(f"{number}.png", photo(number, 1 + number % 2))
    with Writer(folder / "faceless") as store:
        for number in range(12):
            store.add(f"{number}.png", photo(100 + number, 0))
    return [folder / "faces", folder / "faceless"]
