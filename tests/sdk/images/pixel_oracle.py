"""The functions on pictures in NumPy, written from their definitions in ``facesdk_face.h``.

Matrices of weights take the place of loops: a resized picture is ``rows @ picture @ columns.T``.
"""

from __future__ import annotations

import numpy as np

ONE = 1 << 14


def area_weights(
    pixels: int, results: int, begin: int, length: int, halvings: int, low: int
) -> np.ndarray:
    """Weights of pixels ``low`` to ``low + pixels`` in each result, in units of 2^-14."""
    edges = (np.arange(low - 1, low + pixels, dtype=object) + 1) * (results << halvings)
    starts = begin * results + np.arange(results, dtype=object) * length
    parts = np.clip(edges[None] - starts[:, None], 0, length)
    return np.diff((2 * ONE * parts + length) // (2 * length), axis=1).astype(np.int64)


def bilinear_weights(pixels: int, results: int) -> np.ndarray:
    weights = np.zeros((results, pixels), np.int64)
    for x in range(results):
        before, rest = divmod((2 * x + 1) * pixels - results, 2 * results)
        fraction = (2 * ONE * rest + 2 * results) // (4 * results)
        weights[x, min(max(before, 0), pixels - 1)] += ONE - fraction
        weights[x, min(max(before + 1, 0), pixels - 1)] += fraction
    return weights


def weigh(picture: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    between = (np.tensordot(rows, picture.astype(np.int64), (1, 0)) + 64) >> 7
    sums = np.tensordot(columns, between, (1, 1)).swapaxes(0, 1)
    return ((sums + (1 << 20)) >> 21).astype(np.uint8)


def resize_bilinear(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns = (
        bilinear_weights(pixels, results)
        for pixels, results in zip(picture.shape, (height, width), strict=False)
    )
    return weigh(picture, rows, columns)


def area(
    picture: np.ndarray,
    box: tuple[int, int, int, int],
    size: tuple[int, int],
    fill: int,
    halvings: int,
) -> np.ndarray:
    """A part (left, top, right, bottom, in pixels of the photo) in another size."""
    left, top, right, bottom = box
    axes, places = [], []
    for begin, end, results in ((top, bottom, size[0]), (left, right, size[1])):
        low, high = begin >> halvings, -(-end >> halvings)
        axes.append(area_weights(high - low, results, begin, end - begin, halvings, low))
        places.append(np.arange(low, high))
    rows, columns = places
    seen = np.full((len(rows), len(columns), 3), fill, np.uint8)
    inside = np.ix_(
        (rows >= 0) & (rows < picture.shape[0]), (columns >= 0) & (columns < picture.shape[1])
    )
    seen[inside] = picture[np.ix_(rows[inside[0].ravel()], columns[inside[1].ravel()])]
    return weigh(seen, *axes)


def halve(picture: np.ndarray) -> np.ndarray:
    height, width, _ = picture.shape
    even = np.pad(picture.astype(int), ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    blocks = even.reshape(-(-height // 2), 2, -(-width // 2), 2, 3)
    return ((blocks.sum(axis=(1, 3)) + 2) >> 2).astype(np.uint8)


def warp(picture: np.ndarray, inverse: list[int], height: int, width: int, fill: int) -> np.ndarray:
    """``inverse`` has six integers, in units of 2^-32 pixels."""
    y, x = np.mgrid[:height, :width].astype(np.int64)
    a, b, dx, c, d, dy = inverse
    unit = 1 << 18
    column = (a * x + b * y + dx + unit // 2) // unit
    row = (c * x + d * y + dy + unit // 2) // unit
    left, top = column // ONE, row // ONE
    across, down = (column % ONE)[..., None], (row % ONE)[..., None]

    def at(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        inside = (rows >= 0) & (rows < len(picture)) & (columns >= 0)
        inside &= columns < picture.shape[1]
        pixels = picture[np.where(inside, rows, 0), np.where(inside, columns, 0)]
        return np.where(inside[..., None], pixels, fill).astype(np.int64)

    def between(rows: np.ndarray) -> np.ndarray:
        return ((ONE - across) * at(rows, left) + across * at(rows, left + 1) + 64) >> 7

    sums = (ONE - down) * between(top) + down * between(top + 1)
    return ((sums + (1 << 20)) >> 21).astype(np.uint8)


def grey(picture: np.ndarray) -> np.ndarray:
    return ((picture.astype(int) @ [9798, 19235, 3735] + 16384) >> 15).astype(np.uint8)
