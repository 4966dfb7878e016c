from __future__ import annotations

import hashlib
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import ModelError
from facesdk.models import block_coding, packed, registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.description import describe
from facesdk.models.packed import PackedError, pack, unpack
from facesdk.models.templates import TEMPLATES
from facesdk.recognition.embedding import Embedder
from facesdk.tflite.flatbuffer import Table
from facesdk.tflite.verifier import verify

PATH = registry.resolve("mtcnn-pnet")
CONTENT = PATH.read_bytes()
PACKED = pack(CONTENT)
LIMIT = 1 << 22
HEADER = struct.Struct("<8sBQ32s")
BLOCK = struct.Struct("<BII")


def container(
    *blocks: tuple[int, int, bytes], content: bytes, size: int | None = None, version: int = 1
) -> bytes:
    """A container as the docstring of the module describes it."""
    digest = hashlib.sha256(content).digest()
    header = HEADER.pack(b"fsdkpack", version, len(content) if size is None else size, digest)
    return header + b"".join(
        BLOCK.pack(coding, raw, len(data)) + data for coding, raw, data in blocks
    )


def test_every_block_is_a_step() -> None:
    steps: list[tuple[int, int, str]] = []
    assert pack(CONTENT, progress=lambda *step: steps.append(step)) == PACKED
    assert len(steps) > 1
    assert steps == [(done, len(steps), "pack") for done in range(1, len(steps) + 1)]


def deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush()


def floats_of(content: bytes) -> tuple[int, int]:
    """Start and size of the largest buffer of a model."""
    tables: list[Table] = list(verify(content).tables("buffers"))
    return max((table.vector("data") for table in tables), key=lambda vector: vector[1])


@pytest.mark.parametrize("name", ["mtcnn-pnet", "mtcnn-onet", "compactfacenet-qb"])
def test_what_was_packed_comes_back_and_is_smaller(name: str) -> None:
    """1-bit weights look like coin tosses: they must not grow, and the rest must shrink."""
    bundle = ModelBundle.load(registry.resolve(name))
    result = pack(bundle.content)
    assert unpack(result, max_bytes=LIMIT) == bundle.content
    bits = describe(bundle).constants.get("1 bit", 0)
    assert len(result) - bits < 0.93 * (len(bundle.content) - bits)


def test_equal_models_give_equal_bytes() -> None:
    assert pack(bytes(bytearray(CONTENT))) == PACKED


def test_a_packed_model_is_the_same_model(tmp_path: Path) -> None:
    plain = registry.resolve(registry.DEFAULT_RECOGNIZER)
    path = tmp_path / "model.tflite.pack"
    path.write_bytes(pack(plain.read_bytes()))
    bundle = ModelBundle.load(path)
    assert bundle.packed_bytes == path.stat().st_size
    assert bundle.sha256 == ModelBundle.load(plain).sha256
    embedders = [Embedder.load(path), Embedder.load(plain)]
    shape = (1, *TEMPLATES[embedders[0].template].size, 3)
    crops = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(*(embedder.embed(crops) for embedder in embedders))


def test_shared_weights_are_stored_as_numbers_of_values() -> None:
    content = registry.resolve("mtcnn-rnet").read_bytes()
    start, size = floats_of(content)
    weights = np.frombuffer(content, np.float32, size // 4, start)
    levels = np.linspace(weights.min(), weights.max(), 16, dtype=np.float32)
    places = np.abs(weights[:, None] - levels).argmin(1)
    shared = bytearray(content)
    shared[start : start + size] = levels[places].tobytes()
    share = np.bincount(places) / len(places)
    entropy = -(share[share > 0] * np.log2(share[share > 0])).sum() / 8 * len(places)
    result = pack(bytes(shared))
    assert unpack(result, max_bytes=LIMIT) == shared
    other_buffers = len(pack(content)) * (len(content) - size) / len(content)
    assert len(result) < 1.1 * (entropy + other_buffers)


def shared_filters(content: bytes, values: int) -> bytes:
    """A model whose largest buffer has few values per filter, each filter's its own multiples."""
    start, size = floats_of(content)
    tensors = next(iter(verify(content).tables("subgraphs"))).tables("tensors")
    shape = max((tensor.integers("shape") for tensor in tensors), key=np.prod)
    rng = np.random.default_rng(3)
    levels = rng.normal(size=values).astype(np.float32)
    scales = rng.uniform(0.5, 2, shape[0]).astype(np.float32)
    places = rng.integers(0, values, (shape[0], size // 4 // shape[0]))
    weights = levels[places] * scales[:, None]
    return content[:start] + weights.tobytes() + content[start + size :]


@pytest.mark.parametrize("name", ["mtcnn-rnet", "mtcnn-onet"])
def test_values_per_filter_are_stored_as_numbers_of_values(name: str) -> None:
    """16 values per filter take 4 bits per weight, and 4 bytes per value."""
    content = registry.resolve(name).read_bytes()
    _, size = floats_of(content)
    model = shared_filters(content, 16)
    result = pack(model)
    assert unpack(result, max_bytes=LIMIT) == model
    others = len(pack(content)) * (len(content) - size) / len(content)
    filters = max(
        next(iter(verify(content).tables("subgraphs"))).tables("tensors"),
        key=lambda tensor: np.prod(tensor.integers("shape")),
    ).integers("shape")[0]
    assert len(result) < 1.12 * (size / 8 + 64 * filters + others)


@settings(deadline=None)
@given(
    st.binary(min_size=1, max_size=300)
    | st.builds(lambda unit, n: unit * n, st.binary(min_size=1, max_size=9), st.integers(1, 500))
)
def test_every_block_comes_back_from_every_coding(block: bytes) -> None:
    coding, data = block_coding.encode(block)
    assert len(data) <= len(block)
    assert block_coding.decode(coding, data, len(block)) == block
    for number, rearrangement in block_coding.CODINGS.items():
        rearranged = rearrangement.apply(block, len(block) // 5 * (len(block) % 5 == 0))
        if rearranged is not None:
            assert len(rearranged) <= rearrangement.limit(len(block))
            assert block_coding.decode(number, deflate(rearranged), len(block)) == block


def test_rearrangements_by_hand() -> None:
    words = bytes.fromhex("aa00aa01aa00aa01bb")
    assert block_coding.Planes(2).apply(words).hex() == "aaaaaaaabb" + "0001000100"
    assert block_coding.Codebook(2).apply(words).hex() == "02" + "aa00" + "bb00" + "aa01" + (
        "0002000201"
    )


def test_codebooks_of_filters_by_hand() -> None:
    words = bytes.fromhex("aa00aa01aa00aa00" + "bb02bb02bb02bb02")
    assert block_coding.FilterCodebooks(2).apply(words, 8) == bytes.fromhex(
        "0400" + "0100" + "aaaabb" + "000102" + "00010000" + "00000000"
    )
    assert block_coding.FilterCodebooks(2).apply(words, 6) is None
    assert block_coding.FilterCodebooks(2).apply(words) is None


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(2, 300), st.integers(1, 300), st.sampled_from([2, 4]))
def test_filters_come_back(filters: int, length: int, values: int, width: int) -> None:
    numbers = np.random.default_rng(length).integers(0, values, (filters, length)).astype("<u4")
    block = (numbers * 0x1010101).astype(f"<u{width}").tobytes()
    rearrangement = block_coding.FilterCodebooks(width)
    rearranged = rearrangement.apply(block, length * width)
    distinct = [len(np.unique(row)) for row in numbers]
    suits = max(distinct) <= 256 and 2 * sum(distinct) <= numbers.size
    assert (rearranged is not None) == suits
    if rearranged is not None:
        assert len(rearranged) <= rearrangement.limit(len(block))
        assert rearrangement.undo(rearranged, len(block)) == block


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 40), st.sampled_from([6, 7]))
def test_hostile_codebooks_of_filters(data: bytes, size: int, coding: int) -> None:
    try:
        result = block_coding.decode(coding, deflate(data), size)
    except block_coding.BlockError:
        return
    assert len(result) == size


def test_the_format_is_the_documented_one() -> None:
    assert unpack(container((0, 4, b"abcd"), content=b"abcd"), max_bytes=4) == b"abcd"
    blocks = ((1, 3, deflate(b"abc")), (2, 4, deflate(b"cede")))
    assert unpack(container(*blocks, content=b"abccdee"), max_bytes=7) == b"abccdee"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(PACKED) - 1))
def test_every_truncation_is_found(length: int) -> None:
    with pytest.raises(PackedError):
        unpack(PACKED[:length], max_bytes=LIMIT)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(PACKED) - 1), st.integers(1, 255)), min_size=1, max_size=4
    )
)
def test_damage_is_found_or_harmless(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(PACKED)
    for position, change in changes:
        damaged[position] ^= change
    try:
        content = unpack(bytes(damaged), max_bytes=LIMIT)
    except PackedError:
        return
    assert content == CONTENT  # bits of Deflate's padding, or another coding of the same bytes


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1 << 18), st.binary(max_size=60))),
    st.integers(0, 1 << 63),
)
def test_hostile_containers_raise_nothing_else(
    blocks: list[tuple[int, int, bytes]], size: int
) -> None:
    with pytest.raises(PackedError):
        unpack(container(*blocks, content=b"another", size=size), max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (container((0, 3, b"abc"), content=b"abc", version=2), "version 2.*upgrade"),
        (container((0, 3, b"abc"), content=b"abd"), "checksum"),
        (container((0, 3, b"abc"), content=b"ab"), "checksum"),
        (container((0, 3, b"ab"), content=b"abc"), "2 stored bytes for 3"),
        (container((9, 3, b"abc"), content=b"abc"), "unknown coding 9"),
        (container((1, 3, deflate(b"abcd")), content=b"abc"), "does not end|planes of 4 bytes"),
        (container((1, 3, deflate(b"abc") + b"x"), content=b"abc"), "does not end"),
        (container((1, 3, b"\xff\xff"), content=b"abc"), "damaged: Error"),
        (container((4, 4, deflate(b"\0AB\0\1")), content=b"ABAB"), "place that its codebook"),
        (container((4, 4, deflate(b"\xffAB\0\0")), content=b"ABAB"), "codebook of 5 bytes"),
        (container((4, 4, deflate(b"")), content=b"ABAB"), "codebook of 0 bytes"),
        (container((6, 4, deflate(b"\2\0\0A0\0\1")), content=b"A0A0"), "place that its codebook"),
        (container((6, 4, deflate(b"\2\0\1A0\0\1")), content=b"A0A0"), "codebooks of 7 bytes"),
        (container((6, 4, deflate(b"\3\0\0A0\0\0")), content=b"A0A0"), "filters of 3 numbers"),
        (container((6, 4, deflate(b"\0\0\0")), content=b"A0A0"), "filters of 0 numbers"),
        (container((6, 4, deflate(b"")), content=b"A0A0"), "filters of 0 numbers"),
        (container((0, 0, b""), content=b""), "block of 0 bytes for 0"),
        (container((0, 131_073, bytes(131_073)), content=bytes(131_073)), "for 131073"),
        (container((0, 3, b"abc"), content=b"abc")[:-1], "block of 3 bytes for 3"),
        (container((0, 3, b"abc"), content=b"abc") + b"12345678", "ends within a block"),
        (container(content=b"", size=LIMIT + 1), "claim to hold"),
        (container(content=b"", size=201 * HEADER.size), "claim to hold"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, message: str) -> None:
    with pytest.raises(PackedError, match=message):
        unpack(data, max_bytes=LIMIT)


def test_a_bomb_takes_no_memory() -> None:
    """Blocks of 128 KiB that inflate to 64 MiB each, in a container that allows 4 MiB."""
    bomb = deflate(bytes(1 << 26))
    data = container(*[(1, 1 << 17, bomb)] * 32, content=b"", size=LIMIT)
    tracemalloc.start()
    try:
        with pytest.raises(PackedError):
            unpack(data, max_bytes=LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 2 * LIMIT
    finally:
        tracemalloc.stop()


def test_more_blocks_than_announced_are_not_all_decoded() -> None:
    data = container(*[(1, 1 << 17, deflate(bytes(1 << 17)))] * 1000, content=b"", size=1)
    tracemalloc.start()
    try:
        with pytest.raises(PackedError, match="checksum"):
            unpack(data, max_bytes=LIMIT)
        assert tracemalloc.get_traced_memory()[1] < LIMIT
    finally:
        tracemalloc.stop()


def test_a_model_of_zeros_packs_within_the_limit() -> None:
    start, size = floats_of(CONTENT)
    content = CONTENT[:start] + bytes(size) + CONTENT[start + size :] + bytes(1 << 21)
    result = pack(content)
    assert len(content) <= packed.MAX_RATIO * len(result)
    assert unpack(result, max_bytes=1 << 23) == content


def test_other_files_are_not_packed() -> None:
    with pytest.raises(ModelError, match="cannot pack: not a TFLite model"):
        pack(CONTENT[:1000])
    with pytest.raises(ModelError, match="cannot pack: not a TFLite model"):
        pack(PACKED)


def test_a_damaged_container_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite.pack"
    path.write_bytes(PACKED[:-1])
    with pytest.raises(ModelError, match="is not a usable packed model"):
        ModelBundle.load(path)
    path.write_bytes(pack(CONTENT)[:8])
    with pytest.raises(ModelError, match="is not a usable packed model: no header"):
        ModelBundle.load(path)
