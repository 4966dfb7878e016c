"""Damaged photos, containers and contracts, in processes with limits of memory and time.

Usage: python tests/sdk/hostile/fuzz_files.py COUNT SEED. Prints one JSON object: for each kind of
file how many were read, refused (one of our errors) or escaped (another exception, which is a fault
of facesdk), and how many processes died ("signal N", with the seed of the first file of theirs).
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import resource
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from contracts import recognition
from facesdk.errors import FaceSDKError
from facesdk.evaluation.sets.bin_file import read_bin
from facesdk.evaluation.sets.lfw_pairs import parse_pairs
from facesdk.images import decode
from facesdk.models import registry
from facesdk.models.contract import Contract, Threshold
from facesdk.models.packed import PackedError, pack, unpack
from facesdk.recognition.npz import read_npz

_AT_ONCE, _MEMORY, _SECONDS = 200, 3 << 30, 60
_VALUES: tuple[Any, ...] = (None, True, -1, 0, 1.5, 1 << 70, "", "x\n", [], {}, [[]], "RGB", 1e400)


def _photos() -> dict[str, bytes]:
    rng = np.random.default_rng(1)
    picture = Image.fromarray(rng.integers(0, 256, (24, 17, 3)).astype(np.uint8))
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "jpeg": ("JPEG", {}),
        "progressive jpeg": ("JPEG", {"progressive": True}),
        "png": ("PNG", {}),
        "webp": ("WEBP", {}),
        "bmp": ("BMP", {}),
        "gif": ("GIF", {}),
        "ppm": ("PPM", {}),
        "tiff": ("TIFF", {"compression": "tiff_lzw"}),
    }
    found = {}
    for name, (kind, options) in kinds.items():
        stream = io.BytesIO()
        picture.save(stream, kind, **options)
        found[name] = stream.getvalue()
    return found


def _npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, names=np.array(["a", "b"]), embeddings=np.eye(2, 8))
    return stream.getvalue()


def _read_photo(content: bytes) -> None:
    decode.decode(io.BytesIO(content), name="photo")


def _read_npz(content: bytes) -> None:
    with _of_callers(ValueError):
        read_npz(content)


def _read_pack(content: bytes) -> None:
    with _of_callers(PackedError):
        unpack(content, max_bytes=1 << 20)


@contextmanager
def _of_callers(kind: type[Exception]) -> Iterator[None]:
    """An error that the callers of a function turn into one of ours."""
    try:
        yield
    except kind as error:
        raise FaceSDKError(str(error)) from None


def _read_bin(content: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".bin", dir="/dev/shm") as file:
        file.write(content)
        file.flush()
        read_bin(file.name)


def _read_pairs(content: bytes) -> None:
    parse_pairs(content.decode("utf-8", "replace"))


CONTRACT = recognition(thresholds=(Threshold(0.01, 0.3, 0.1, 1000, 100_000),)).to_json().encode()
_PAIRS = b"2\t2\nAnn_Lee\t1\t2\nBen_Ray\t1\t3\nAnn_Lee\t1\tBen_Ray\t2\nBen_Ray\t2\tCy_Fox\t1\n" * 2
_BIN = pickle.dumps(([_photos()["jpeg"]] * 8, [True, False] * 2), protocol=2)

SEEDS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    **{name: (content, _read_photo) for name, content in _photos().items()},
    "npz": (_npz(), _read_npz),
    "bin": (_BIN, _read_bin),
    "pairs": (_PAIRS, _read_pairs),
    "pack": (pack(registry.resolve("mtcnn-pnet").read_bytes()), _read_pack),
    "contract": (CONTRACT, Contract.from_json),
}


def mutant(seed: bytes, chance: random.Random) -> bytes:
    """A copy with one to four changes: bytes, numbers, cuts, repeated and moved pieces."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        at, size = chance.randrange(len(data) + 1), chance.choice((1, 2, 4, 8, 40))
        change = chance.randrange(6)
        if change == 0 and data:
            data[min(at, len(data) - 1)] = chance.randrange(256)
        elif change == 1:
            data[at : at + 4] = chance.choice(
                (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\xff\xd8")
            )
        elif change == 2 and chance.random() < 0.3:
            del data[at:]
        elif change == 3:
            del data[at : at + size]
        elif change == 4:
            data[at:at] = data[at : at + size] * chance.choice((1, 2, 50))
        else:
            other = chance.randrange(len(data) + 1)
            data[at : at + size] = data[other : other + size]
    return bytes(data)


def _contract(chance: random.Random) -> bytes:
    """A contract with other values in it, well-formed as JSON."""
    record = json.loads(CONTRACT)
    for _ in range(chance.randint(1, 3)):
        parts = (record, record.get("input"), *record.get("thresholds", ()))
        part = chance.choice([one for one in parts if isinstance(one, dict)])
        key = chance.choice([*part, "surprise"])
        if chance.random() < 0.2:
            part.pop(key, None)
        elif part is not record or key not in ("input", "thresholds"):
            part[key] = chance.choice(_VALUES)
    return json.dumps(record).encode()


def attempt(number: int) -> str:
    """How a file ends: its kind and a word."""
    names = list(SEEDS)
    name, chance = names[number % len(names)], random.Random(number)
    seed, read = SEEDS[name]
    well_formed = name == "contract" and chance.random() < 0.7
    content = _contract(chance) if well_formed else mutant(seed, chance)
    try:
        read(content)
    except FaceSDKError:
        return f"{name}: refused"
    except Exception:
        print(number, traceback.format_exc(), file=sys.stderr)
        return f"{name}: escaped"
    return f"{name}: read"


def _batch(numbers: range) -> Counter[str]:
    """What became of some files, in a fork."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        found = Counter(map(attempt, numbers))
        with os.fdopen(writing, "w") as stream:
            json.dump(found, stream)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    if status or not text:
        return Counter({f"signal {os.WTERMSIG(status)} from {numbers[0]} on": 1})
    return Counter(json.loads(text))


def main() -> None:
    count, start = int(sys.argv[1]), int(sys.argv[2])
    outcomes: Counter[str] = Counter()
    for first in range(start, start + count, _AT_ONCE):
        outcomes += _batch(range(first, min(first + _AT_ONCE, start + count)))
    print(json.dumps(dict(sorted(outcomes.items()))))


if __name__ == "__main__":
    main()
