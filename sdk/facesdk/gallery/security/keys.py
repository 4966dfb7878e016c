"""Where the keys of galleries are kept: a file that only its owner reads, the keyring, the
environment.

Each gallery has a key of its own. While a key is being changed there are two of them for a moment,
the new one first, so that a crash in between loses nothing.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from facesdk.errors import GalleryError, InputError, require_extra
from facesdk.files import make_folder, read_regular, write_atomic
from facesdk.gallery.security.encryption import KEY_BYTES

KEY_VARIABLE = "FACESDK_GALLERY_KEY"
"""The environment variable that has the key, in Base64, where it is set."""

_HEADER = (
    "# Keys of facesdk galleries: the gallery's id and its key. Who loses them loses the faces.\n"
)
_SERVICE = "facesdk gallery"
_OTHERS = 0o077


class KeyStore(Protocol):
    """A place for keys."""

    @property
    def where(self) -> str:
        """What messages call it."""

    @property
    def file(self) -> Path | None:
        """The file that has the keys; None if none has."""

    def keys(self, gallery: str) -> tuple[bytes, ...]:
        """The keys of a gallery, the newest first; none where it has none here.

        Raises:
            GalleryError: The place cannot be read, or what is there is no key.
        """

    def add(self, gallery: str) -> bytes:
        """A key for a gallery, put before those that it has.

        Raises:
            GalleryError: The place cannot be written.
        """

    def keep(self, gallery: str, key: bytes | None) -> None:
        """Remove all keys of a gallery but one, or all.

        Raises:
            GalleryError: The place cannot be written.
        """


class KeyFile:
    """A text file of mode 0600 with a line for each key: the gallery's id, a blank, Base64.

    Args:
        path: The file; it and its folder are made with the first key.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    @property
    def where(self) -> str:
        """See :class:`KeyStore`."""
        return f"key file {self._path}"

    @property
    def file(self) -> Path | None:
        """See :class:`KeyStore`."""
        return self._path

    def keys(self, gallery: str) -> tuple[bytes, ...]:
        """See :class:`KeyStore`; a file that others may read is refused."""
        return tuple(key for owner, key in self._rows() if owner == gallery)

    def add(self, gallery: str) -> bytes:
        """See :class:`KeyStore`."""
        key = secrets.token_bytes(KEY_BYTES)
        with self._locked():
            self._write([(gallery, key), *self._rows()])
        return key

    def keep(self, gallery: str, key: bytes | None) -> None:
        """See :class:`KeyStore`."""
        with self._locked():
            self._write([row for row in self._rows() if row[0] != gallery or row[1] == key])

    def _rows(self) -> list[tuple[str, bytes]]:
        try:
            mode = self._path.stat().st_mode
            text = read_regular(self._path).decode("ascii")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise GalleryError(f"cannot read {self.where}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise GalleryError(f"{self.where} is not a file of keys") from None
        if mode & _OTHERS:
            raise GalleryError(
                f"{self.where} may be read by other users: run `chmod 600 {self._path}`, and "
                "change the keys if somebody may have read them (`facesdk rotate-key`)"
            )
        rows = []
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                gallery, _, encoded = line.strip().partition(" ")
                rows.append((gallery, decode_key(encoded, self.where)))
        return rows

    def _write(self, rows: list[tuple[str, bytes]]) -> None:
        lines = [f"{gallery} {encode_key(key)}\n" for gallery, key in rows]
        try:
            write_atomic(self._path, (_HEADER + "".join(lines)).encode(), private=True)
        except InputError as error:
            raise GalleryError(str(error)) from None
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # a rename that is not on the disk yet would lose a new key
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the programs that change this file; others may read it."""
        folder = os.open(make_folder(self._path.parent), os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


class KeyVariable:
    """An environment variable with a key in Base64, for whichever gallery is opened.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def where(self) -> str:
        """See :class:`KeyStore`."""
        return f"environment variable {self._name}"

    @property
    def file(self) -> Path | None:
        """None."""
        return None

    def keys(self, gallery: str) -> tuple[bytes, ...]:
        """See :class:`KeyStore`."""
        encoded = os.environ.get(self._name)
        return () if encoded is None else (decode_key(encoded, self.where),)

    def add(self, gallery: str) -> bytes:
        """The key of the variable: a program cannot give its parent another."""
        found = self.keys(gallery)
        if not found:
            raise GalleryError(
                f"{self.where} is not set: give it a key of {KEY_BYTES} random bytes in Base64, as "
                f"`openssl rand -base64 {KEY_BYTES}` prints one"
            )
        return found[0]

    def keep(self, gallery: str, key: bytes | None) -> None:
        """Nothing: the variable is its owner's."""


class Keyring:
    """The keyring of the desktop or of the system, by the library ``keyring``.

    Raises:
        DependencyError: The library is not installed.
    """

    def __init__(self) -> None:
        require_extra("keyring", extra="keyring")
        import keyring

        self._keyring: Any = keyring

    @property
    def where(self) -> str:
        """See :class:`KeyStore`."""
        return "the keyring"

    @property
    def file(self) -> Path | None:
        """None."""
        return None

    def keys(self, gallery: str) -> tuple[bytes, ...]:
        """See :class:`KeyStore`."""
        found = self._do("get_password", gallery)
        return tuple(decode_key(row, self.where) for row in (found or "").split())

    def add(self, gallery: str) -> bytes:
        """See :class:`KeyStore`."""
        key = secrets.token_bytes(KEY_BYTES)
        keys = (key, *self.keys(gallery))
        self._do("set_password", gallery, " ".join(map(encode_key, keys)))
        return key

    def keep(self, gallery: str, key: bytes | None) -> None:
        """See :class:`KeyStore`."""
        if key is not None:
            self._do("set_password", gallery, encode_key(key))
        elif self.keys(gallery):
            self._do("delete_password", gallery)

    def _do(self, what: str, *arguments: str) -> Any:
        from keyring.errors import KeyringError

        try:
            return getattr(self._keyring, what)(_SERVICE, *arguments)
        except KeyringError as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise GalleryError(f"the keyring cannot be used: {reason}") from None


def key_store(place: str | os.PathLike[str] | None) -> KeyStore:
    """The place of the keys that a user names.

    Args:
        place: ``"env:NAME"``, ``"keyring"``, or the path of a key file. None: the environment
            variable :data:`KEY_VARIABLE` where it is set, else :func:`default_key_file`.

    Raises:
        DependencyError: The library ``keyring`` is needed and not installed.
    """
    if place is None:
        return (
            KeyVariable(KEY_VARIABLE) if KEY_VARIABLE in os.environ else KeyFile(default_key_file())
        )
    text = os.fspath(place)
    if text == "keyring":
        return Keyring()
    return KeyVariable(text[4:]) if text.startswith("env:") else KeyFile(text)


def encode_key(key: bytes) -> str:
    """A key as text, in Base64 (RFC 4648)."""
    return base64.b64encode(key).decode()


def decode_key(text: str, where: str) -> bytes:
    """A key of 32 bytes from its text.

    Raises:
        GalleryError: It is none; the message names ``where``, and not the text.
    """
    try:
        key = base64.b64decode(text.strip().encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        key = b""
    if len(key) != KEY_BYTES:
        raise GalleryError(f"{where} has no key of {KEY_BYTES} bytes in Base64")
    return key


def default_key_file() -> Path:
    """The key file of this user on this computer."""
    import platformdirs

    return platformdirs.user_config_path("facesdk") / "gallery.keys"
