"""Sparse tensors: constants of which a file has only the numbers that are not zero.

A sparse tensor is a tree whose levels are its dimensions in the order in which they are stored,
then those of its blocks. A dense level has every position; a sparse one lists, for each position of
the level above, which ones there are (``array_segments`` says where each list begins and ends in
``array_indices``). Source: ``SparsityParameters`` in TensorFlow Lite's ``schema.fbs``.
"""

from __future__ import annotations

from itertools import pairwise

from facesdk.tflite.flatbuffer import FlatbufferError, Table

_SPARSE = 1
_LARGEST = 1 << 31


def stored_numbers(sparsity: Table, shape: tuple[int, ...]) -> int:
    """How many numbers a file has of a sparse tensor.

    Args:
        sparsity: Its ``SparsityParameters``.
        shape: Its shape, as if it were dense.

    Raises:
        FlatbufferError: An index points out of the tensor, or the levels do not fit its shape;
            runtimes trust them and read or write anywhere.
    """
    order, blocks = sparsity.integers("traversal_order"), sparsity.integers("block_map")
    levels = list(sparsity.tables("dim_metadata"))
    if sorted(order) != list(range(len(shape) + len(blocks))) or len(levels) != len(order):
        raise FlatbufferError(
            f"a sparse tensor of {len(shape)} dimensions and {len(blocks)} blocks has levels "
            f"{list(order)}"
        )
    if len(set(blocks)) != len(blocks) or not all(0 <= row < len(shape) for row in blocks):
        raise FlatbufferError(f"a sparse tensor has blocks of dimensions {list(blocks)}")
    sizes = _sizes(order, blocks, levels, shape)
    positions = 1
    for dimension, level in zip(order, levels, strict=True):
        if level.scalar("format") == _SPARSE:
            positions = _listed(level, positions, sizes[dimension])
        elif level.scalar("format") != 0 or level.scalar("dense_size") != sizes[dimension]:
            raise FlatbufferError(
                f"a level of a sparse tensor has {level.scalar('dense_size')} positions, but "
                f"{sizes[dimension]} are there"
            )
        else:
            positions *= sizes[dimension]
        if positions > _LARGEST:
            raise FlatbufferError("a sparse tensor is too large")
    return positions


def _sizes(
    order: tuple[int, ...], blocks: tuple[int, ...], levels: list[Table], shape: tuple[int, ...]
) -> list[int]:
    """Positions of each dimension: those of the tensor, in blocks, then those of a block."""
    sizes = list(shape)
    for number, dimension in enumerate(blocks):
        level = levels[order.index(len(shape) + number)]
        size = level.scalar("dense_size")
        if level.scalar("format") == _SPARSE or size < 1 or sizes[dimension] % size:
            raise FlatbufferError(f"a block of a sparse tensor has size {size}")
        sizes[dimension] //= size
        sizes.append(size)
    return sizes


def _listed(level: Table, above: int, size: int) -> int:
    """Positions of a sparse level under so many of the level above."""
    segments_at, indices_at = level.table("array_segments"), level.table("array_indices")
    if segments_at is None or indices_at is None:
        raise FlatbufferError("a level of a sparse tensor has no indices")
    segments, indices = segments_at.integers("values"), indices_at.integers("values")
    if (
        len(segments) != above + 1
        or segments[0] != 0
        or segments[-1] != len(indices)
        or any(a > b for a, b in pairwise(segments))
    ):
        raise FlatbufferError("the lists of a sparse tensor do not follow each other")
    if any(not 0 <= index < size for index in indices):
        raise FlatbufferError(f"a sparse tensor has an index out of {size}")
    return len(indices)
