"""InsightFace's ``.bin`` test sets: AgeDB-30, CFP-FP, CALFW, CPLFW, LFW.

Such a file is a Python pickle of two lists: the encoded images, 112x112 and aligned, two for each
pair, and whether each pair shows one person (InsightFace, ``recognition/_datasets_`` and
``eval/verification.py``, which splits the pairs into ten folds in their order).

A pickle can run any program, so it is read by an unpickler that makes nothing but lists, tuples,
numbers, strings and bytes, and refuses everything else.
"""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.errors import InputError
from facesdk.evaluation.sets.verification_set import FOLDS, VerificationSet
from facesdk.files import read_regular


def read_bin(path: str | os.PathLike[str]) -> VerificationSet:
    """Read a ``.bin`` file.

    Raises:
        InputError: It cannot be read, is no such pickle, or wants to make anything else than lists
            of bytes and truth values.
    """
    path = Path(path)
    try:
        content = read_regular(path)
    except OSError as error:
        raise InputError(f"cannot read the pairs {path}: {error.strerror}") from None
    try:
        loaded = _PlainUnpickler(io.BytesIO(content), encoding="bytes").load()
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} is not an InsightFace .bin file: {error}") from None
    except Exception as error:  # a damaged pickle raises nearly anything
        raise InputError(
            f"{path} is not an InsightFace .bin file, or is damaged ({type(error).__name__})"
        ) from None
    images, same = _checked(loaded, path)
    pairs = len(same)
    return VerificationSet(
        "bin",
        tuple(str(number) for number in range(len(images))),
        np.arange(0, 2 * pairs, 2),
        np.arange(1, 2 * pairs, 2),
        np.array(same, bool),
        np.arange(pairs) * min(FOLDS, pairs) // pairs,
        aligned=True,
        read=lambda number: images[number],
    )


class _PlainUnpickler(pickle.Unpickler):
    """Makes no object but those that pickle has an opcode for."""

    def find_class(self, module: str, name: str) -> Any:
        # Python 3 writes bytes so in the protocols up to 2, which Python 2 reads.
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        if (module, name) in {("__builtin__", "bytes"), ("builtins", "bytes")}:
            return _no_bytes
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is refused")


def _latin1(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError("it holds bytes in an unknown encoding")
    return (text if isinstance(text, str) else bytes(text).decode("latin1")).encode("latin1")


def _no_bytes() -> bytes:
    return b""


def _checked(loaded: Any, path: Path) -> tuple[list[bytes], list[bool]]:
    if not (
        isinstance(loaded, (tuple, list))
        and len(loaded) == 2
        and all(isinstance(part, (list, tuple)) for part in loaded)
    ):
        raise InputError(f"{path} must hold a list of images and a list of truth values")
    images, same = (list(part) for part in loaded)
    if not all(isinstance(image, bytes) for image in images):
        raise InputError(f"{path}: every image must be bytes")
    if not all(isinstance(value, int) and value in (0, 1) for value in same):
        raise InputError(f"{path}: whether a pair is of one person must be true or false")
    if len(images) != 2 * len(same) or len(same) < 2:
        raise InputError(
            f"{path} has {len(images)} images for {len(same)} pairs: it needs two for each, and "
            "two pairs at least"
        )
    return images, [bool(value) for value in same]
