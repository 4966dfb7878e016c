"""Where the photos of a protocol lie: a folder or a zip file."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from facesdk.errors import InputError
from facesdk.files import require_regular


class LfwPhotos:
    """The photos of LFW in a folder or a zip file, by their LFW name ``Name/Name_0001.jpg``.

    They may lie in a folder of the folder, as in ``lfw.zip`` with all names under ``lfw/``.

    Args:
        path: The folder or the zip file.
        names: The photos that are needed.

    Raises:
        InputError: Neither folder nor zip, or a photo is missing.
    """

    def __init__(self, path: str | os.PathLike[str], names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._path = Path(path)
        self._root = self._find(self._open(), self.names[0])
        missing = [name for name in self.names if not self._root.joinpath(name).is_file()]
        if missing:
            raise InputError(
                f"{path} lacks {len(missing)} of the {len(self.names)} photos that the pairs need, "
                f"the first is {missing[0]}"
            )

    def read(self, name: str) -> bytes:
        """The content of a photo's file.

        Raises:
            InputError: It cannot be read.
        """
        try:
            return self._root.joinpath(name).read_bytes()
        except (OSError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
            raise InputError(f"cannot read {name} in {self._path}: {error}") from None

    def _open(self) -> Path | zipfile.Path:
        if self._path.is_dir():
            return self._path
        try:
            require_regular(self._path)
            return zipfile.Path(self._path)
        except OSError as error:
            raise InputError(f"cannot read the photos {self._path}: {error.strerror}") from None
        except zipfile.BadZipFile:
            raise InputError(
                f"{self._path} is neither a folder nor a zip file: give LFW's photos"
            ) from None

    def _find(self, root: Path | zipfile.Path, name: str) -> Path | zipfile.Path:
        inner = (child for child in root.iterdir() if child.is_dir())
        for folder in (root, *inner):
            if folder.joinpath(name).is_file():
                return folder
        raise InputError(
            f"{self._path} has no {name}, nor has a folder in it: give the folder or zip file that "
            "has LFW's photos as Name/Name_0001.jpg"
        )
