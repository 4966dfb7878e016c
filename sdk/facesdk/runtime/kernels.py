"""The operator library's kernels on NumPy arrays, without a runtime around them.

Bits are uint32 words ``(..., ceil(channels / 32))``: channel c is bit c % 32 of word c / 32, a set
bit means -1, a clear one +1 (:func:`facesdk.tflite.weights.pack_signs`). Options and errors are
those of ``facesdk_ops.h``.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.runtime import operator_library as binding
from facesdk.runtime.operator_library import (
    BConv2DOptions,
    BinaryConv2DOptions,
    BMaxPool2DOptions,
    Pointer,
)

ALIGNMENT = 64
"""Runtimes place tensors at multiples of it; NumPy promises only 16."""

_TYPES = {
    np.dtype(np.float32): binding.FLOAT32,
    np.dtype(np.int8): binding.INT8,
    np.dtype(np.bool_): binding.BOOL,
}
_OUTPUTS = {binding.FLOAT32: np.float32, binding.INT8: np.int8, binding.BITS: np.uint32}


class Prepared:
    """A kernel with its arrays, to be called as often as one likes.

    Attributes:
        output: What a call computes; the next one overwrites it.
    """

    def __init__(self, call: Callable[[], object], output: NDArray[Any], owner: object) -> None:
        self._call, self.output = call, output
        self._owner = owner  # of memory that the call uses

    def __call__(self) -> None:
        """Run it."""
        self._call()


class Kernels:
    """The kernels of one path.

    Args:
        path: Its name, for example ``"avx2"``; None for the one that networks run on.

    Raises:
        OperatorLibraryError: The library is missing or not usable, or has no such path for this
            CPU.
    """

    def __init__(self, path: str | None = None) -> None:
        self._library = binding.open_library(binding.library_path())
        self._path = Pointer()
        if path is None:
            binding.call(self._library, "facesdk_ops_default", self._path)
        else:
            binding.call(self._library, "facesdk_ops_find", path.encode(), self._path)

    def prepare_quantize(self, values: NDArray[Any], *, zero_point: int = 0) -> Prepared:
        """Binarize and pack: a bit is set where a number is below zero, or a truth value false.

        Args:
            values: float32, int8 or bool ``(..., channels)``.
            zero_point: What int8 numbers are compared with.

        Returns:
            The call; its output is uint32 words.

        Raises:
            InputError: The values are of another type, or have no channels.
        """
        kind = _TYPES.get(values.dtype)
        if kind is None or not values.ndim:
            raise InputError(f"values must be float32, int8 or bool with channels, not {values!r}")
        *pixels, channels = values.shape
        source = _placed(values)
        words = aligned((*pixels, -(-channels // 32)), np.uint32)
        rows = int(np.prod(pixels))
        arguments = (
            self._path, kind, address(source), rows, channels, zero_point,
            address(words), 1,
        )  # fmt: skip
        binding.call(self._library, "facesdk_quantize", *arguments)
        return Prepared(partial(self._library.facesdk_quantize, *arguments, None), words, self)

    def quantize(self, values: NDArray[Any], *, zero_point: int = 0) -> NDArray[np.uint32]:
        """What :meth:`prepare_quantize` prepares, at once."""
        return self.prepare_quantize(values, zero_point=zero_point).output

    def dequantize(
        self,
        words: NDArray[np.uint32],
        channels: int,
        dtype: type[Any] = np.float32,
        *,
        scale: float = 0.0,
        zero_point: int = 0,
    ) -> NDArray[Any]:
        """Unpack bits.

        Args:
            words: uint32 ``(rows, ceil(channels / 32))``.
            channels: Bits of a row.
            dtype: ``np.float32`` (1 and -1), ``np.bool_`` (true and false) or ``np.int8``.
            scale: Of int8: 1 is ``1 / scale`` away from the zero point.
            zero_point: Of int8.

        Returns:
            ``(rows, channels)``.

        Raises:
            InputError: A size or the scale is out of its range.
        """
        values = aligned((len(words), channels), dtype)
        source = _placed(words)
        binding.call(
            self._library, "facesdk_dequantize", self._path, address(source), len(words), channels,
            _TYPES[np.dtype(dtype)], scale, zero_point, address(values),
        )  # fmt: skip
        return values

    def max_pool(self, options: BMaxPool2DOptions, words: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Maximum of each window of +1 and -1.

        Args:
            options: Sizes of image and window.
            words: uint32 ``(batch, height, width, words)``.

        Raises:
            InputError: An option is out of its range, or the words are not of its image.
        """
        shape = self._shape("facesdk_bmaxpool2d_output_shape", options)
        source = _fitting(words, _image(options, -(-options.channels // 32)), np.uint32)
        output = aligned((*shape[:3], source.shape[3]), np.uint32)
        binding.call(
            self._library, "facesdk_bmaxpool2d", self._path, options, address(source),
            address(output),
        )  # fmt: skip
        return output

    def convolution(
        self,
        options: BConv2DOptions,
        filters: NDArray[np.uint32],
        multiplier: NDArray[np.float32] | None = None,
        bias: NDArray[np.float32] | None = None,
        thresholds: NDArray[np.int32] | None = None,
    ) -> Convolution:
        """A convolution of bits with bits.

        Args:
            options: Its sizes, its output's type and what else it does.
            filters: uint32 ``(filters, height, width, words of a group)``.
            multiplier: float32 ``(filters,)``, for a float32 or int8 output.
            bias: Like ``multiplier``.
            thresholds: int32 ``(filters,)``, for an output of bits.

        Raises:
            InputError: An option is out of its range, or an array is not as it says.
        """
        shape = self._shape("facesdk_bconv2d_output_shape", options)
        depth = -(-(options.channels_in // options.groups) // 32)
        one_each = (options.channels_out,)
        arrays = (
            _fitting(filters, _filters(options, depth), np.uint32),
            _fitting(multiplier, one_each, np.float32),
            _fitting(bias, one_each, np.float32),
            _fitting(thresholds, one_each, np.int32),
        )
        handle = Pointer()
        binding.call(
            self._library, "facesdk_bconv2d_create", self._path, options, *map(address, arrays),
            handle,
        )  # fmt: skip
        if options.output_type == binding.BITS:
            shape = (*shape[:3], -(-shape[3] // 32))
        return Convolution(
            partial(self._library.facesdk_bconv2d_run, handle),
            partial(self._library.facesdk_bconv2d_destroy, handle),
            _Layout(_image(options, -(-options.channels_in // 32)), np.uint32),
            _Layout(shape, _OUTPUTS[options.output_type]),
            residual=True,
        )

    def binary_convolution(
        self,
        options: BinaryConv2DOptions,
        filters: NDArray[np.uint32],
        scale: NDArray[np.float32],
        bias: NDArray[np.float32] | None = None,
    ) -> Convolution:
        """A convolution of floats with weights of one bit.

        Args:
            options: Its sizes and what else it does.
            filters: uint32 ``(filters, height, width, words)``.
            scale: float32 ``(filters,)``, the magnitude of each filter's weights.
            bias: float32 ``(filters,)``; None for zeros.

        Raises:
            InputError: An option is out of its range, or an array is not as it says.
        """
        shape = self._shape("facesdk_binary_conv2d_output_shape", options)
        one_each = (options.channels_out,)
        arrays = (
            _fitting(filters, _filters(options, -(-options.channels_in // 32)), np.uint32),
            _fitting(scale, one_each, np.float32),
            _fitting(bias, one_each, np.float32),
        )
        handle = Pointer()
        binding.call(
            self._library, "facesdk_binary_conv2d_create", self._path, options,
            *map(address, arrays), handle,
        )  # fmt: skip
        return Convolution(
            partial(self._library.facesdk_binary_conv2d_run, handle),
            partial(self._library.facesdk_binary_conv2d_destroy, handle),
            _Layout(_image(options, options.channels_in), np.float32),
            _Layout(shape, np.float32),
        )

    def _shape(self, name: str, options: Any) -> tuple[int, ...]:
        shape = binding.Shape()
        binding.call(self._library, name, options, shape)
        return tuple(shape)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Shape and type of an array."""

    shape: tuple[int, ...]
    dtype: Any


class Convolution:
    """A convolution whose weights are packed for one kernel path; made by :class:`Kernels`.

    One call at a time: it has scratch memory of its own, which is freed with this object.
    """

    def __init__(
        self,
        run: Callable[..., object],
        free: Callable[[], object],
        image: _Layout,
        output: _Layout,
        *,
        residual: bool = False,
    ) -> None:
        self._run, self._image, self._output = run, image, output
        self._nothing_added = (None,) if residual else ()
        weakref.finalize(self, free)

    def prepare(self, image: NDArray[Any], *, threads: int = 1) -> Prepared:
        """A call for one image.

        Args:
            image: Words or floats, as the convolution takes them; copied unless it lies at a
                multiple of :data:`ALIGNMENT`.
            threads: Threads that may compute, this one included.

        Raises:
            InputError: The image has another shape or type.
        """
        source = _fitting(image, self._image.shape, self._image.dtype)
        output = aligned(self._output.shape, self._output.dtype)
        arguments = (address(source), *self._nothing_added, address(output), threads)
        return Prepared(partial(self._run, *arguments), output, self)

    def run(self, image: NDArray[Any], *, threads: int = 1) -> NDArray[Any]:
        """What :meth:`prepare` prepares, once."""
        prepared = self.prepare(image, threads=threads)
        prepared()
        return prepared.output


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Zeros at a multiple of :data:`ALIGNMENT`."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    octets = np.zeros(count + ALIGNMENT, np.uint8)
    start = -octets.ctypes.data % ALIGNMENT
    placed: NDArray[Any] = octets[start : start + count].view(dtype).reshape(shape)
    return placed


def address(array: NDArray[Any] | None) -> Pointer | None:
    """The array's memory, NULL for None; the pointer keeps it alive."""
    return None if array is None else array.ctypes.data_as(Pointer)


def _placed(array: NDArray[Any] | None) -> Any:
    """The array in one piece at a multiple of :data:`ALIGNMENT`, copied if it is not so."""
    if array is None or (array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0):
        return array
    copy = aligned(array.shape, array.dtype)
    copy[...] = array
    return copy


def _image(options: Any, depth: int) -> tuple[int, ...]:
    return options.batch, options.input_height, options.input_width, depth


def _filters(options: Any, depth: int) -> tuple[int, ...]:
    return options.channels_out, options.filter_height, options.filter_width, depth


def _fitting(array: NDArray[Any] | None, shape: tuple[int, ...], dtype: Any) -> Any:
    """The array, placed; InputError unless it has a shape and a type."""
    if array is not None and (array.shape != shape or array.dtype != dtype):
        raise InputError(
            f"the options need {np.dtype(dtype)} of shape {shape}, but got {array.dtype} of "
            f"{array.shape}"
        )
    return _placed(array)
