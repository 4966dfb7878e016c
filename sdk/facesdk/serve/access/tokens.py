"""The token that a client of the service must show; only its hash is stored.

A token has 256 random bits, so that its plain SHA-256 tells nobody anything and cannot be guessed:
slow hashes are for passwords that people choose.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from pathlib import Path

from facesdk.errors import InputError
from facesdk.files import make_folder, read_regular, write_atomic

_BYTES = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Token:
    """The hash of the one token that is accepted.

    Args:
        sha256: SHA-256 of the token, 64 hexadecimal digits.
    """

    def __init__(self, sha256: str) -> None:
        self._sha256 = sha256

    def accepts(self, token: str) -> bool:
        """Whether this is the token; takes the same time for every wrong one."""
        return hmac.compare_digest(self._sha256, _hash(token))


def open_token(path: Path, *, renew: bool = False) -> tuple[Token, str | None]:
    """The token of a file, which is made where there is none.

    Args:
        path: The file; only its owner may read it.
        renew: Whether to make a new token in any case; the old one is refused from then on.

    Returns:
        The token's check, and the token itself if it was made now. It cannot be shown again.

    Raises:
        InputError: The file cannot be read or written, is open to other users, or is none of a
            token; the message says what to do.
    """
    if renew or not os.path.lexists(path):
        make_folder(path.parent)
        made = secrets.token_urlsafe(_BYTES)
        record = json.dumps({"token_sha256": _hash(made)}) + "\n"
        write_atomic(path, record.encode(), private=True)
        return Token(_hash(made)), made
    try:
        content = read_regular(path)
        mode = path.stat().st_mode
    except OSError as error:
        raise InputError(f"cannot read the token file {path}: {error.strerror}") from None
    if mode & _OTHERS:
        raise InputError(
            f"the token file {path} is open to other users (mode {stat.S_IMODE(mode):04o}): "
            f"run `chmod 600 {path}`, or make a new token with --new-token"
        )
    try:
        stored = json.loads(content)["token_sha256"]
        if not (
            isinstance(stored, str) and len(bytes.fromhex(stored)) == hashlib.sha256().digest_size
        ):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path} is not a token file: give another one, or make a new token with --new-token"
        ) from None
    return Token(stored), None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
