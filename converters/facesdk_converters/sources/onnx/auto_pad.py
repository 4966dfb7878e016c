"""Pads that a file leaves to ONNX, by the size of the picture: ``auto_pad`` and ``output_shape``.

``SAME_UPPER`` and ``SAME_LOWER`` give as many places as the picture has pixels, divided by the
stride and rounded up; where the zeros are an odd number, the one more is behind or before it. A
transposed convolution gives as many as the pixels times the stride, or fewer if its kernel does not
reach so far: ONNX's text has no such exception, but its shape inference and its runtime do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

UPPER, LOWER, VALID, EXPLICIT = "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"
SAME = (UPPER, LOWER)


def same_pads(
    mode: str,
    lengths: Sequence[int],
    taps: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[int]:
    """The zeros around a picture for a convolution or a pool.

    Args:
        mode: One of :data:`UPPER`, :data:`LOWER` and :data:`VALID`.
        lengths: Rows, columns.
        taps: Size of the window.
        strides: Steps from window to window.
        dilations: Steps from tap to tap.

    Returns:
        Zeros before each axis, then behind each.
    """
    if mode == VALID:
        return [0] * 2 * len(lengths)
    spans = _spans(taps, dilations)
    totals = [
        max((-(-length // stride) - 1) * stride + span - length, 0)
        for length, stride, span in zip(lengths, strides, spans, strict=True)
    ]
    return _shared_out(totals, mode)


def transposed_pads(
    mode: str,
    lengths: Sequence[int],
    taps: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    more: Sequence[int],
    wanted: Sequence[int],
) -> tuple[list[int], list[int]]:
    """What a transposed convolution cuts off and adds.

    Args:
        mode: One of :data:`UPPER`, :data:`LOWER`, :data:`VALID` and :data:`EXPLICIT`.
        lengths: Rows, columns of the picture.
        taps: Size of the kernel.
        strides: Steps in the result from pixel to pixel.
        dilations: Steps from tap to tap.
        more: Its ``output_padding``.
        wanted: Its ``output_shape``; empty if it has none.

    Returns:
        What is cut before each axis and then behind each, and what is added behind.
    """
    if mode == VALID and not wanted:
        return [0] * 2 * len(lengths), list(more)
    whole = [
        stride * (length - 1) + span + rest
        for length, stride, span, rest in zip(
            lengths, strides, _spans(taps, dilations), more, strict=True
        )
    ]
    sizes = wanted or [
        min(length * stride, size)
        for length, stride, size in zip(lengths, strides, whole, strict=True)
    ]
    totals = [one - size for one, size in zip(whole, sizes, strict=True)]
    rest = [m + max(-total, 0) for m, total in zip(more, totals, strict=True)]
    return _shared_out([max(total, 0) for total in totals], mode), rest


def _spans(taps: Sequence[int], dilations: Sequence[int]) -> Iterator[int]:
    return ((n - 1) * step + 1 for n, step in zip(taps, dilations, strict=True))


def _shared_out(totals: list[int], mode: str) -> list[int]:
    less, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return [*less, *more] if mode == UPPER else [*more, *less]
