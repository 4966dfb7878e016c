"""Authenticated encryption of what a gallery stores.

AES-256-GCM (NIST SP 800-38D) with a fresh random nonce of 96 bits for each value. What belongs to a
value and is stored in the clear (whose template it is, of which model, until when) goes in as
associated data: a value that was moved to another row, or whose row was changed, does not open.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facesdk.errors import GalleryError, InputError, require_extra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
AES_256_GCM = 1
"""The number of the cipher in a stored row, so that another can follow."""


class TamperedError(GalleryError):
    """A value does not open: the key is wrong, or it or what belongs to it was changed."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted value as it is stored.

    Attributes:
        algorithm: :data:`AES_256_GCM`.
        nonce: 12 bytes, never used twice with one key.
        data: Ciphertext, followed by the authentication tag of 16 bytes.
    """

    algorithm: int
    nonce: bytes
    data: bytes


class Cipher:
    """Seals and opens values with one key.

    Args:
        key: 32 bytes.

    Raises:
        InputError: The key has another length.
        DependencyError: The library ``cryptography`` is not installed (extra ``gallery``).
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise InputError(f"a gallery's key has {KEY_BYTES} bytes, but got {len(key)}")
        self._aead = _aead()(key)

    def seal(self, value: bytes, bound: tuple[object, ...]) -> Sealed:
        """Encrypt a value.

        Args:
            value: What to keep secret.
            bound: What belongs to it and is not secret: text, numbers, None.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        return Sealed(AES_256_GCM, nonce, self._aead.encrypt(nonce, value, _encoded(bound)))

    def open(self, sealed: Sealed, bound: tuple[object, ...]) -> bytes:
        """Decrypt a value.

        Raises:
            TamperedError: The key, the value or ``bound`` is not that of :meth:`seal`.
        """
        from cryptography.exceptions import InvalidTag

        if sealed.algorithm != AES_256_GCM:
            raise TamperedError(f"there is no cipher of the number {sealed.algorithm!r}")
        try:
            return self._aead.decrypt(sealed.nonce, sealed.data, _encoded(bound))
        except (InvalidTag, TypeError, ValueError):  # the last two: no bytes, a nonce too short
            raise TamperedError("an encrypted value does not open") from None


def _aead() -> type[AESGCM]:
    require_extra("cryptography", extra="gallery")
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM


def _encoded(bound: tuple[object, ...]) -> bytes:
    """Associated data; JSON keeps values and their kinds apart."""
    return json.dumps(bound, separators=(",", ":"), default=repr).encode()
