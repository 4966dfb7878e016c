"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from facesdk.errors import InputError


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file in one step: readers see the old content or the new, never a part.

    The data goes to a temporary file beside ``path``, is flushed to the disk and renamed over it.
    The temporary file is removed when anything fails.

    Args:
        path: The file to create or replace; its folder must exist.
        data: The whole content.

    Raises:
        InputError: The file cannot be written; the message says why.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
