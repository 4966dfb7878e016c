"""Reading files that end, and writing files so that nobody ever sees half of one."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from facesdk.errors import InputError


def require_regular(path: str | os.PathLike[str]) -> None:
    """Raise unless a path is a regular file.

    A pipe that nobody writes to and a device like ``/dev/zero`` would be read for ever.

    Raises:
        OSError: The file does not exist, or is a folder, a pipe or a device.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file")


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: It cannot be read, or :func:`require_regular` refuses it.
    """
    require_regular(path)
    return Path(path).read_bytes()


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
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            temporary.unlink()
