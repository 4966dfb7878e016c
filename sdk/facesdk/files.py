"""Reading files that end, writing files so that nobody ever sees half of one, digests, folders."""

from __future__ import annotations

import errno
import hashlib
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


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's content, or of a folder with all that is in it.

    A folder's digest depends on the names of its files, relative to it, and on their contents, not
    on where it lies, when it was written or in which order a file system lists it.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: Something cannot be read, or is neither a regular file nor a folder.
    """
    path = Path(path)
    digest = hashlib.sha256()
    if not path.is_dir():
        require_regular(path)
        _read_into(digest, path)
        return digest.hexdigest()
    for file in sorted(entry for entry in path.rglob("*") if not entry.is_dir()):
        require_regular(file)
        name = os.fsencode(file.relative_to(path).as_posix())
        digest.update(b"%b\0%d\0" % (name, file.stat().st_size))
        _read_into(digest, file)
    return digest.hexdigest()


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Create a folder, and those above it, unless it is there.

    Raises:
        InputError: It cannot be created; the message says why.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot create folder {path}: {error.strerror}") from None
    return path


def cache_folder(kind: str) -> Path:
    """Where this user's computed vectors of one kind are kept between runs; it may not exist yet.

    Args:
        kind: ``"evaluation"`` or ``"teacher"``, a folder in facesdk's own.
    """
    import platformdirs

    return platformdirs.user_cache_path("facesdk") / kind


def _read_into(digest: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
