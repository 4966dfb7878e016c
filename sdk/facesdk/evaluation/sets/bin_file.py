"""InsightFace's ``.bin`` test sets: AgeDB-30, CFP-FP, CALFW, CPLFW, LFW.

Such a file is a Python pickle of two lists: the encoded images, 112x112 and aligned, two for each
pair, and whether each pair shows one person (InsightFace, ``recognition/_datasets_`` and
``eval/verification.py``, which splits the pairs into ten folds in their order).

The many copies of those scripts write images as bytes, bytearrays or NumPy's arrays of encoded
bytes, and truth values as Python's or NumPy's, or one array of them.

A pickle can run any program, so it is read by an unpickler that makes nothing but lists, tuples,
numbers, strings, bytes and what stands here for NumPy's arrays of plain numbers, and refuses
everything else.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.errors import InputError
from facesdk.evaluation.sets.verification_set import FOLDS, VerificationSet
from facesdk.files import read_regular

MAX_OPERATIONS = 4_000_000
"""Most steps of a pickle that is read: a step makes an object of fifty bytes out of one byte."""


def read_bin(path: str | os.PathLike[str]) -> VerificationSet:
    """Read a ``.bin`` file.

    Raises:
        InputError: It cannot be read, is no such pickle, has more than :data:`MAX_OPERATIONS`
            steps, or wants to make anything else than lists of bytes and truth values.
    """
    path = Path(path)
    try:
        content = read_regular(path)
    except OSError as error:
        raise InputError(f"cannot read the pairs {path}: {error.strerror}") from None
    try:
        _check_steps(content)
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


def _check_steps(content: bytes) -> None:
    """Raise unless memory stays in proportion to the file.

    A step that stores an object under a number makes the unpickler ask for as many places.
    """
    for number, (step, argument, _) in enumerate(pickletools.genops(io.BytesIO(content))):
        if number == MAX_OPERATIONS:
            raise pickle.UnpicklingError(f"it has more than {MAX_OPERATIONS:,} steps")
        if "PUT" in step.name and isinstance(argument, int) and argument > number:
            raise pickle.UnpicklingError("it numbers its objects out of order")


class _PlainUnpickler(pickle.Unpickler):
    """Makes no object but those that pickle has an opcode for."""

    def find_class(self, module: str, name: str) -> Any:
        made = _MADE.get((_PLACES.get(module, module), name))
        if made is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is refused")
        return made


def _latin1(text: str, encoding: str) -> bytes:
    """Python 3 writes bytes so in the protocols up to 2, which Python 2 reads."""
    if encoding not in ("latin1", "latin-1", b"latin1", b"latin-1"):
        raise pickle.UnpicklingError("it holds bytes in an unknown encoding")
    return (text if isinstance(text, str) else bytes(text).decode("latin1")).encode("latin1")


def _bytes(*arguments: Any) -> bytes:
    if len(arguments) == 2:
        return _latin1(*arguments)
    if len(arguments) == 1 and isinstance(arguments[0], (bytes, bytearray)):
        return bytes(arguments[0])
    if arguments:
        raise pickle.UnpicklingError("it makes bytes of something else than bytes")
    return b""


class _Type:
    """Stands for a NumPy type of plain numbers, or of Python objects in an array."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else str(code)
        self.order: Any = "="
        if self.code[:1] not in "?biuO" or self.code[1:] not in ("", "1", "2", "4", "8"):
            raise pickle.UnpicklingError(f"it holds an array of {self.code}, which is refused")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else str(state[1])
        self.order = {"|": "="}.get(order, order)

    def numbers(self, raw: bytes) -> Any:
        if self.code.startswith("O"):
            raise pickle.UnpicklingError("it holds objects where numbers belong")
        return np.frombuffer(raw, np.dtype(self.code).newbyteorder(self.order))


class _Array:
    """Stands for a NumPy array: its shape, and its elements in a row."""

    shape: tuple[int, ...] = ()
    elements: Any = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, kind, _, raw = state
        if isinstance(raw, list) and kind.code.startswith("O"):
            self.elements = raw
        else:
            self.elements = kind.numbers(_bytes(raw))
        if math.prod(self.shape) != len(self.elements):
            raise pickle.UnpicklingError("it holds an array of another size than it says")


def _scalar(kind: _Type, raw: Any) -> Any:
    return kind.numbers(_bytes(raw))[0].item()


def _from_buffer(raw: Any, kind: _Type, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", bytes(raw)))
    return array


_PLACES = {
    "__builtin__": "builtins",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
}
"""Where Python 2 and NumPy 1 have what has moved since."""

_MADE: dict[tuple[str, str], Callable[..., Any]] = {
    ("_codecs", "encode"): _latin1,
    ("builtins", "bytes"): _bytes,
    ("builtins", "bytearray"): _bytes,
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): lambda *_: _Array(),
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
}
"""What a pickle may ask for, and what it gets instead."""


def _checked(loaded: Any, path: Path) -> tuple[list[bytes], list[bool]]:
    if not (
        isinstance(loaded, (tuple, list))
        and len(loaded) == 2
        and all(isinstance(part, (list, tuple, _Array)) for part in loaded)
    ):
        raise InputError(f"{path} must hold a list of images and a list of truth values")
    images, same = (list(part.elements if isinstance(part, _Array) else part) for part in loaded)
    images = [_content(image) for image in images]
    if not all(isinstance(image, bytes) for image in images):
        raise InputError(f"{path}: every image must be bytes")
    same = [value.item() if isinstance(value, np.generic) else value for value in same]
    if not all(isinstance(value, int) and value in (0, 1) for value in same):
        raise InputError(f"{path}: whether a pair is of one person must be true or false")
    if len(images) != 2 * len(same) or len(same) < 2:
        raise InputError(
            f"{path} has {len(images)} images for {len(same)} pairs: it needs two for each, and "
            "two pairs at least"
        )
    return images, [bool(value) for value in same]


def _content(image: Any) -> Any:
    """An image's file as bytes, whatever holds them; anything else as it is."""
    if isinstance(image, bytearray):
        return bytes(image)
    # OpenCV's imencode gave a column of bytes in its versions before 4.5.
    column = isinstance(image, _Array) and max(image.shape, default=0) == len(image.elements)
    if column and isinstance(image.elements, np.ndarray) and image.elements.itemsize == 1:
        return image.elements.tobytes()
    return image
