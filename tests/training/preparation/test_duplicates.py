from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facesdk import samples
from facesdk_training.preparation import duplicates
from facesdk_training.preparation.cropping import perceptual_hash
from facesdk_training.preparation.duplicates import first_of_equals, first_of_similar


def test_equal_digests_stand_for_the_first() -> None:
    assert first_of_equals([b"a", b"b", b"a", b"c", b"b", b"a"]) == [0, 1, 0, 3, 1, 0]
    assert first_of_equals([]) == []


def naive(hashes: list[bytes], limit: int) -> list[int]:
    kept: list[int] = []
    result = []
    for position, value in enumerate(hashes):
        similar = [
            other
            for other in kept
            if (int.from_bytes(value, "big") ^ int.from_bytes(hashes[other], "big")).bit_count()
            <= limit
        ]
        result.append(min(similar, default=position))
        if not similar:
            kept.append(position)
    return result


@given(
    rows=st.lists(st.lists(st.integers(0, 2), min_size=8, max_size=8).map(bytes), max_size=15),
    limit=st.integers(0, 6),
    block=st.integers(1, 12),
)
def test_similar_hashes_are_those_of_the_naive_loop(
    rows: list[bytes], limit: int, block: int
) -> None:
    duplicates_block, duplicates._BLOCK = duplicates._BLOCK, block
    try:
        assert first_of_similar(rows, limit) == naive(rows, limit)
    finally:
        duplicates._BLOCK = duplicates_block


def test_a_hash_stays_near_through_resizing_and_far_between_photos() -> None:
    def pixels(name: str) -> Image.Image:
        path = str(samples.__file__).replace("__init__.py", f"{name}.jpg")
        return Image.open(path).convert("RGB").resize((112, 112))

    def distance(a: Image.Image, b: Image.Image) -> int:
        rows = [np.frombuffer(perceptual_hash(np.asarray(image)), np.uint8) for image in (a, b)]
        return int(np.unpackbits(rows[0] ^ rows[1]).sum())

    obama = pixels("obama")
    softer = obama.resize((70, 70)).resize((112, 112)).point(lambda value: value * 0.8 + 10)
    assert distance(obama, softer) <= 16
    assert distance(obama, pixels("obama2")) > 60
