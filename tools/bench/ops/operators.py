"""The operator library's C interface through ctypes: operators without a runtime around them."""

from __future__ import annotations

import ctypes
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.bench.ops.models import Layer

ABI_VERSION = 2
ALIGNMENT = 64
FLOAT32, SAME, ONE_PADDING = 0, 0, 1
"""``facesdk_type``, ``facesdk_padding`` and ``pad_value`` of ``facesdk_ops.h``."""


class ConvolutionOptions(ctypes.Structure):
    """``facesdk_bconv2d_options``."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in (
            "batch", "input_height", "input_width", "channels_in", "channels_out",
            "filter_height", "filter_width", "groups", "stride_height", "stride_width",
            "dilation_height", "dilation_width", "padding", "pad_value", "activation",
            "output_type", "zero_padding",
        )),
        ("output_scale", ctypes.c_float),
        ("output_zero_point", ctypes.c_int32),
    ]  # fmt: skip


class Operators:
    """The library's functions on NumPy arrays.

    Args:
        library: The shared library; a runtime that has loaded it shares its run counters.

    Raises:
        ValueError: Its interface is another version.
    """

    def __init__(self, library: Path) -> None:
        self._library: Any = ctypes.CDLL(str(library))
        self._library.facesdk_ops_isa_name.restype = ctypes.c_char_p
        self._library.facesdk_ops_isa_runs.restype = ctypes.c_size_t
        self._library.facesdk_bconv2d_run.restype = None
        version = self._library.facesdk_ops_abi_version()
        if version != ABI_VERSION:
            raise ValueError(f"{library} has ABI version {version}, but must have {ABI_VERSION}")
        count = self._library.facesdk_ops_isa_count()
        names = [self._library.facesdk_ops_isa_name(ctypes.c_size_t(i)) for i in range(count)]
        self._index = {name.decode(): ctypes.c_size_t(i) for i, name in enumerate(names)}

    def runs(self, path: str) -> int:
        """How many operators a kernel path has run in this process."""
        return int(self._library.facesdk_ops_isa_runs(self._index[path]))

    def sign(
        self, path: str, image: NDArray[np.float32]
    ) -> tuple[partial[int], NDArray[np.uint32]]:
        """A call that binarizes and packs an image, and the words it writes."""
        *pixels, channels = image.shape
        source = _aligned(image.shape, np.float32)
        source[:] = image
        words = _aligned((*pixels, -(-channels // 32)), np.uint32)
        call = partial(
            self._library.facesdk_quantize,
            self._path(path),
            FLOAT32,
            _address(source),
            ctypes.c_size_t(int(np.prod(pixels))),
            ctypes.c_size_t(channels),
            0,
            _address(words),
            1,
            None,
        )
        return call, words

    def convolution(
        self, path: str, layer: Layer, words: NDArray[np.uint32]
    ) -> tuple[partial[None], NDArray[np.float32]]:
        """A call that convolves packed words on one thread, and the floats it writes.

        Weights are random.
        """
        random = np.random.default_rng(0)
        channels = layer.channels
        options = ConvolutionOptions(
            1, layer.height, layer.width, channels, channels, 3, 3, 1, 1, 1, 1, 1,
            SAME, ONE_PADDING, 0, FLOAT32, 0, 0.0, 0,
        )  # fmt: skip
        shape = (channels, 3, 3, -(-channels // 32))
        filters = random.integers(0, 2**32, shape, np.uint32)
        scale, bias = random.standard_normal((2, channels)).astype(np.float32)
        output = _aligned(layer.shape, np.float32)
        operator = ctypes.c_void_p()
        self._checked(
            "facesdk_bconv2d_create", self._path(path), ctypes.byref(options), _address(filters),
            _address(scale), _address(bias), None, ctypes.byref(operator),
        )  # fmt: skip
        call = partial(
            self._library.facesdk_bconv2d_run,
            operator,
            _address(words),
            None,
            _address(output),
            ctypes.c_int32(1),
        )
        return call, output

    def _path(self, name: str) -> ctypes.c_void_p:
        path = ctypes.c_void_p()
        self._checked("facesdk_ops_find", name.encode(), ctypes.byref(path))
        return path

    def _checked(self, name: str, *arguments: Any) -> None:
        message = ctypes.create_string_buffer(256)
        if getattr(self._library, name)(*arguments, message):
            raise ValueError(f"{name}: {message.value.decode()}")


def _aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Zeros at a multiple of 64 bytes, as runtimes place tensors; NumPy promises only 16."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    octets = np.zeros(count + ALIGNMENT, np.uint8)
    start = -octets.ctypes.data % ALIGNMENT
    return octets[start : start + count].view(dtype).reshape(shape)


def _address(array: NDArray[Any]) -> ctypes.c_void_p:
    """The array's memory; the pointer keeps it alive."""
    return array.ctypes.data_as(ctypes.c_void_p)
