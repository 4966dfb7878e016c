"""NumPy's ``.npz`` files from others: read only if an array is as large as its header says.

``numpy.load`` asks for the memory that a header names before it has seen the data, so that a file
of a few bytes can ask for terabytes.
"""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import one_line
from facesdk.images.photo_source import ZIP_ERRORS

_MOST_EXPANSION = 100
_ALWAYS_EXPANDED = 16_000_000


def read_npz(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a file by their names.

    Args:
        content: The file.

    Raises:
        ValueError: It is no such file, is damaged, holds Python objects, says another size than it
            has, or is more than a hundred times as large as its compressed form.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if total > _MOST_EXPANSION * len(content) + _ALWAYS_EXPANDED:
                raise ValueError(f"it would expand from {len(content):,} bytes to {total:,}")
            return {
                entry.filename.removesuffix(".npy"): _array(archive, entry) for entry in entries
            }
    except ZIP_ERRORS as error:
        raise ValueError(str(error)) from None


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(entry) as stream:
        form: Any = np.lib.format
        version = form.read_magic(stream)
        read_header = {
            (1, 0): form.read_array_header_1_0,
            (2, 0): form.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise ValueError(f"{entry.filename} is of version {version} of the format")
        try:
            shape, by_columns, dtype = read_header(stream)
        except Exception as error:  # a damaged header raises nearly anything
            raise ValueError(f"{entry.filename} has a damaged header ({one_line(error)})") from None
        size = entry.file_size - stream.tell()
        if dtype.hasobject:
            raise ValueError(f"{entry.filename} holds Python objects")
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size:
            raise ValueError(f"{entry.filename} says {dtype} {shape}, but has {size:,} bytes")
        flat = np.frombuffer(stream.read(), dtype)
    return flat.reshape(shape, order="F" if by_columns else "C")
