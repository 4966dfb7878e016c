"""Reading files that end, writing files so that nobody ever sees half of one, digests, folders."""

from __future__ import annotations

import errno
import fcntl
import functools
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from facesdk.errors import InputError

_MOST_LINKS = 40
"""Links to links that Linux follows (path_resolution(7))."""


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether a path is an address, ``scheme://...``; of two slashes :class:`Path` leaves one."""
    return re.match(r"[a-z][a-z0-9+.-]+:/", os.fsdecode(path), re.IGNORECASE) is not None


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


def write_atomic(path: str | os.PathLike[str], data: bytes, *, private: bool = False) -> None:
    """Write a file in one step: readers see the old content or the new, never a part.

    The data goes to a temporary file beside ``path``, is flushed to the disk and renamed over it.
    The temporary file is removed when anything fails; what a process that was killed has left in
    the folder is removed by the next one that writes there. Of a symbolic link, the file that it
    points to is replaced, and the link stays.

    A pipe or a character device (``/dev/null``), and what stands for an open file of this process
    (``/dev/stdout``), is written into and stays what it is; a block device is refused.

    Args:
        path: The file to create or replace; its folder must exist.
        data: The whole content.
        private: Whether only its owner may read and write the file (mode 0600), from before the
            first byte is in it.

    Raises:
        InputError: The file cannot be written; the message says why.
        BrokenPipeError: It is a pipe that nobody reads any more.
    """
    path = Path(path)
    try:
        descriptor = _own_descriptor(path)
        if descriptor is not None:
            _write_into(os.dup(descriptor), data)
        elif _is_special(path):
            _write_into(os.open(path, os.O_WRONLY | os.O_NOCTTY), data)
        else:
            _replace(Path(os.path.realpath(path)), data, private=private)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def require_other(path: str | os.PathLike[str], *read: str | os.PathLike[str]) -> None:
    """Raise if a file to be written is one of those that are read, or a link to one.

    Raises:
        InputError: It is; the message names it.
    """
    for other in read:
        with suppress(OSError, ValueError):
            if os.path.isfile(other) and os.path.samefile(path, other):
                raise InputError(f"cannot write {path}: it is read as well, name another file")


def _own_descriptor(path: Path) -> int | None:
    """The descriptor that a name such as ``/dev/stdout``, or a link to one, stands for."""
    folders = re.compile(rf"/proc/{os.getpid()}(/task/\d+)?/fd|/dev/fd")
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(path.parent)
        if folders.fullmatch(folder) and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = Path(folder, path.readlink())
    return None


def _is_special(path: Path) -> bool:
    """Whether a path is there and is no regular file; OSError for what is never written into."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISBLK(mode):
        raise OSError(errno.EINVAL, "it is a block device")
    return not stat.S_ISREG(mode)


def _write_into(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def _replace(path: Path, data: bytes, *, private: bool) -> None:
    _remove_leftovers(path.parent)
    temporary, stream = _new_temporary(path.parent)
    try:
        with stream:
            if private:
                os.fchmod(stream.fileno(), stat.S_IRUSR | stat.S_IWUSR)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def _new_temporary(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file that this process holds locked, so that nobody takes it for a leftover."""
    while True:
        path = folder / f".facesdk-{secrets.token_hex(8)}.tmp"
        stream = path.open("xb")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = not path.exists()
        except BlockingIOError:
            taken = True
        except OSError:  # a file system without locks, where nothing is taken for a leftover
            taken = False
        if not taken:
            return path, stream
        stream.close()


@functools.cache
def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that live no more, once per process and folder."""
    for path in folder.glob(".facesdk-*.tmp"):
        with suppress(OSError), path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


class ScratchFolder:
    """A folder for this process alone, gone when it ends.

    A process that is killed leaves its folder behind; the next one of the same prefix removes it.
    A folder is held locked as long as its process lives.

    Args:
        prefix: What its name begins with.
        parent: Where it is made; the system's folder for temporary files by default.

    Attributes:
        path: The folder.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, prefix: str, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        for leftover in parent.glob(f"{prefix}*"):
            _remove_unlocked(leftover)
        while True:
            self._folder = tempfile.TemporaryDirectory(prefix=prefix, dir=parent)
            self.path = Path(self._folder.name)
            with suppress(BlockingIOError, FileNotFoundError):  # taken for a leftover
                self._lock = _locked_folder(self.path)
                return

    def close(self) -> None:
        """Removes it."""
        self._folder.cleanup()
        os.close(self._lock)


def _locked_folder(path: Path) -> int:
    """The descriptor of a folder that no other process holds.

    Raises:
        OSError: It is held, or is not there.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.stat()
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _remove_unlocked(folder: Path) -> None:
    with suppress(OSError):
        descriptor = _locked_folder(folder)
        try:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


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
