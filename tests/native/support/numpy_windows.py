"""Windows and packed bits in NumPy, written from their definition."""

from __future__ import annotations

import numpy as np

SAME, VALID = range(2)


def pack(signs: np.ndarray) -> np.ndarray:
    """Bits of -1 along the last axis, least significant first, in uint32 words."""
    missing = -signs.shape[-1] % 32
    bits = np.pad(signs < 0, [(0, 0)] * (signs.ndim - 1) + [(0, missing)])
    octets = np.packbits(bits, axis=-1, bitorder="little")
    return np.ascontiguousarray(octets).view("<u4")


def padding_before(
    size: int, filter_size: int, stride: int, dilation: int, padding: int
) -> tuple[int, int]:
    """Output size and cells of padding in front, as TensorFlow defines SAME and VALID."""
    span = (filter_size - 1) * dilation + 1
    if padding == VALID:
        return (size - span) // stride + 1, 0
    output = -(-size // stride)
    return output, max((output - 1) * stride + span - size, 0) // 2


def windows(
    image: np.ndarray, fill: float, filter_size: tuple[int, int], stride: tuple[int, int],
    dilation: tuple[int, int], padding: int,
) -> np.ndarray:  # fmt: skip
    """Cells under every window: [batch, out_y, out_x, tap_y, tap_x, channel]."""
    batch, height, width, channels = image.shape
    sizes = [
        padding_before(size, *rest, padding)
        for size, *rest in zip((height, width), filter_size, stride, dilation, strict=True)
    ]
    (out_h, top), (out_w, left) = sizes
    result = np.full((batch, out_h, out_w, *filter_size, channels), fill)
    for y in range(out_h):
        for x in range(out_w):
            for tap_y in range(filter_size[0]):
                for tap_x in range(filter_size[1]):
                    in_y = y * stride[0] - top + tap_y * dilation[0]
                    in_x = x * stride[1] - left + tap_x * dilation[1]
                    if 0 <= in_y < height and 0 <= in_x < width:
                        result[:, y, x, tap_y, tap_x] = image[:, in_y, in_x]
    return result
