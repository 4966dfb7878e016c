"""Vectors that were expensive to compute, kept on disk by the digest of what they came from.

A cache is a folder of ``.npz`` files, each with ``keys`` (uint8 ``(n, 32)``, SHA-256) and ``rows``
(float32 ``(n, width)``). A file is written whole or not at all and never changed, so an interrupted
run loses at most the rows since the last file, and two runs may share a folder.
"""

from __future__ import annotations

import io
import secrets
from pathlib import Path

import numpy as np

from facesdk.errors import InputError
from facesdk.files import make_folder, read_regular, write_atomic
from facesdk.recognition.npz import read_npz
from facesdk.results import FloatArray

ROWS_PER_FILE = 512


class RowCache:
    """Float vectors of one length by SHA-256 digest.

    Args:
        folder: Where to keep them; made when the first file is written. None keeps them in memory.
        width: Length of a vector.

    Raises:
        InputError: A file of the folder is damaged or its vectors have another length.
    """

    def __init__(self, folder: Path | None, width: int) -> None:
        self._folder = folder
        self._width = width
        self._rows: dict[bytes, FloatArray] = {}
        self._unsaved: dict[bytes, FloatArray] = {}
        for path in sorted(folder.glob("*.npz")) if folder else ():
            self._read(path)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def __getitem__(self, key: bytes) -> FloatArray:
        """The vector of a digest, float32 ``(width,)``; KeyError if it is not known."""
        return self._rows[key]

    def __setitem__(self, key: bytes, row: FloatArray) -> None:
        """Remember a vector; every :data:`ROWS_PER_FILE` of them are saved.

        Args:
            key: SHA-256 digest, 32 bytes.
            row: float32 ``(width,)``.

        Raises:
            InputError: The cache cannot be written.
        """
        self._rows[key] = self._unsaved[key] = row
        if len(self._unsaved) == ROWS_PER_FILE:
            self.save()

    def save(self) -> None:
        """Write what is not yet on the disk.

        Raises:
            InputError: The cache cannot be written.
        """
        if self._folder is None or not self._unsaved:
            return
        stream = io.BytesIO()
        np.savez(
            stream,
            keys=np.frombuffer(b"".join(self._unsaved), np.uint8).reshape(-1, 32),
            rows=np.array(list(self._unsaved.values()), np.float32),
        )
        try:
            make_folder(self._folder)
        except InputError as error:
            raise InputError(f"{error}; use --no-cache") from None
        write_atomic(self._folder / f"{secrets.token_hex(8)}.npz", stream.getvalue())
        self._unsaved.clear()

    def _read(self, path: Path) -> None:
        try:
            arrays = read_npz(read_regular(path))
            keys, rows = arrays["keys"], arrays["rows"]
        except (OSError, ValueError, KeyError):
            keys, rows = np.empty(0), np.empty(0)
        if (keys.dtype, keys.shape, rows.dtype, rows.shape) != (
            np.dtype(np.uint8),
            (len(rows), 32),
            np.dtype(np.float32),
            (len(rows), self._width),
        ):
            raise InputError(f"the cache file {path} is damaged: delete it, or use --no-cache")
        self._rows.update(zip((key.tobytes() for key in keys), rows, strict=True))
