"""LFW for tests marked ``data``: FACESDK_DATA, else ``../shared/data`` beside the checkout."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.images import decode

FOLDER = Path(os.environ.get("FACESDK_DATA") or Path(__file__).parents[2] / "shared" / "data")


def photos(step: int = 1, start: int = 0) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Every ``step``-th photo of the 7,701 that LFW's pairs name: its name and its pixels."""
    path = FOLDER / "lfw" / "lfw_deepfunneled_pairs.zip"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: put it there, or deselect these tests with -m 'not data'"
        )
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        for name in names[start::step]:
            yield name, decode.decode(io.BytesIO(archive.read(name)), name=name)
