"""The operator library: where it is, what it says about itself, and its C interface.

The one place that knows the interface from Python: structures, constants and signatures are those
of ``facesdk_ops.h`` and ``facesdk_face.h``, which document them. Kernels on NumPy arrays are in
:mod:`facesdk.runtime.kernels`, functions on pictures in :mod:`facesdk.images.pixels`.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_float, c_int, c_int32, c_size_t, c_uint8, c_uint32, c_void_p
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from facesdk.errors import InputError, OperatorLibraryError, one_line

ENVIRONMENT = "FACESDK_OPS_LIBRARY"
FORCED_PATH = "FACESDK_OPS_ISA"
ABI_VERSION = 2

OK, INVALID_ARGUMENT = range(2)
"""``facesdk_status``: the second is the one that is the caller's doing."""

FLOAT32, INT8, BOOL, BITS = range(4)
"""``facesdk_type``."""

SAME, VALID = range(2)
"""``facesdk_padding``."""

NO_ACTIVATION, RELU, RELU_N1_TO_1, RELU6 = range(4)
"""``facesdk_activation``."""

_REMEDY = (
    "install a facesdk wheel for this platform, or `pip install .` in a checkout with a C compiler"
)


MAX_TENSOR_BYTES = 1 << 30
"""``FACESDK_MAX_TENSOR_BYTES``."""

MAX_SIDE, MAX_REACH, MAX_WARPED_SIDE = 1 << 20, 1 << 21, 1 << 16
"""``FACESDK_MAX_SIDE``, ``FACESDK_MAX_REACH`` and ``FACESDK_MAX_WARPED_SIDE``."""

PIXELS_VERSION = 1
"""``FACESDK_PIXELS_VERSION``."""

BORDER_FILL, BORDER_EDGE = range(2)
"""``facesdk_border``."""


class Error(ctypes.Structure):
    """``facesdk_error``."""

    _fields_ = (("message", ctypes.c_char * 256),)


def _int32(names: str) -> tuple[tuple[str, type[Any]], ...]:
    return tuple((name, c_int32) for name in names.split())


class BConv2DOptions(ctypes.Structure):
    """``facesdk_bconv2d_options``."""

    _fields_ = (
        *_int32(
            "batch input_height input_width channels_in channels_out filter_height filter_width "
            "groups stride_height stride_width dilation_height dilation_width padding pad_value "
            "activation output_type zero_padding"
        ),
        ("output_scale", c_float),
        ("output_zero_point", c_int32),
    )


class BMaxPool2DOptions(ctypes.Structure):
    """``facesdk_bmaxpool2d_options``."""

    _fields_ = _int32(
        "batch input_height input_width channels filter_height filter_width stride_height "
        "stride_width padding"
    )


class BinaryConv2DOptions(ctypes.Structure):
    """``facesdk_binary_conv2d_options``."""

    _fields_ = _int32(
        "batch input_height input_width channels_in channels_out filter_height filter_width "
        "stride_height stride_width dilation_height dilation_width padding activation "
        "activation_bits"
    )


class Image(ctypes.Structure):
    """``facesdk_image``."""

    _fields_ = (
        ("pixels", c_void_p),
        ("height", c_int32),
        ("width", c_int32),
        ("row_bytes", ctypes.c_ssize_t),
    )


class Region(ctypes.Structure):
    """``facesdk_region``."""

    _fields_ = _int32("left top width height halvings")


class CropMeasures(ctypes.Structure):
    """``facesdk_crop_measures``."""

    _fields_ = _int32(
        "brightness contrast noise detail eye_detail mouth_detail dark bright pattern"
    )


class FoundFace(ctypes.Structure):
    """``facesdk_face``."""

    _fields_ = (("score", ctypes.c_double), ("box", c_float * 4), ("landmarks", c_float * 10))


RUN = ctypes.CFUNCTYPE(
    c_int, c_void_p, c_int, POINTER(c_uint8), c_int32, c_int32, c_int32, POINTER(c_void_p),
    POINTER(c_size_t), POINTER(Error),
)  # fmt: skip
"""``run`` of ``facesdk_mtcnn_networks``."""

LOOK = ctypes.CFUNCTYPE(
    c_int, c_void_p, POINTER(c_uint8), c_int32, c_int32, POINTER(c_void_p), POINTER(c_size_t),
    POINTER(Error),
)  # fmt: skip
"""``look`` of ``facesdk_finder``."""


class CascadeNetworks(ctypes.Structure):
    """``facesdk_mtcnn_networks``."""

    _fields_ = (("context", c_void_p), ("run", RUN))


class FinderNetworks(ctypes.Structure):
    """``facesdk_finder``."""

    _fields_ = (
        ("networks", CascadeNetworks),
        ("look", LOOK),
        ("score", ctypes.c_double),
        ("least_logit", c_float),
        ("sees_from", ctypes.c_double),
    )


class ProfileEvent(ctypes.Structure):
    """``facesdk_profile_event``."""

    _fields_ = (
        ("start_ns", ctypes.c_uint64),
        ("end_ns", ctypes.c_uint64),
        ("partition", c_uint32),
        ("node", c_int32),
        ("path", c_int32),
        ("within", c_int32),
    )


Pointer = c_void_p
Shape = c_int32 * 4
Matrix = ctypes.c_int64 * 6
_OUT = POINTER(c_void_p)
_ERROR = POINTER(Error)
_IMAGE = POINTER(Image)

SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "facesdk_ops_version": (c_char_p, ()),
    "facesdk_ops_abi_version": (c_uint32, ()),
    "facesdk_ops_default": (c_int, (_OUT, _ERROR)),
    "facesdk_ops_find": (c_int, (c_char_p, _OUT, _ERROR)),
    "facesdk_ops_isa": (c_char_p, ()),
    "facesdk_ops_isa_count": (c_size_t, ()),
    "facesdk_ops_isa_name": (c_char_p, (c_size_t,)),
    "facesdk_ops_isa_requires": (c_char_p, (c_size_t,)),
    "facesdk_ops_isa_supported": (c_int, (c_size_t,)),
    "facesdk_ops_isa_runs": (c_size_t, (c_size_t,)),
    "facesdk_quantize": (
        c_int,
        (c_void_p, c_int, c_void_p, c_size_t, c_size_t, c_int32, c_void_p, c_int32, _ERROR),
    ),
    "facesdk_dequantize": (
        c_int,
        (c_void_p, c_void_p, c_size_t, c_size_t, c_int, c_float, c_int32, c_void_p, _ERROR),
    ),
    "facesdk_bmaxpool2d_output_shape": (c_int, (POINTER(BMaxPool2DOptions), Shape, _ERROR)),
    "facesdk_bmaxpool2d": (
        c_int,
        (c_void_p, POINTER(BMaxPool2DOptions), c_void_p, c_void_p, _ERROR),
    ),
    "facesdk_bconv2d_output_shape": (c_int, (POINTER(BConv2DOptions), Shape, _ERROR)),
    "facesdk_bconv2d_create": (
        c_int,
        (
            c_void_p, POINTER(BConv2DOptions), c_void_p, c_void_p, c_void_p, c_void_p, _OUT, _ERROR,
        ),
    ),
    "facesdk_bconv2d_run": (None, (c_void_p, c_void_p, c_void_p, c_void_p, c_int32)),
    "facesdk_bconv2d_destroy": (None, (c_void_p,)),
    "facesdk_profile_start": (c_int, (c_void_p, c_size_t, _ERROR)),
    "facesdk_profile_stop": (c_size_t, ()),
    "facesdk_binary_conv2d_output_shape": (c_int, (POINTER(BinaryConv2DOptions), Shape, _ERROR)),
    "facesdk_binary_conv2d_create": (
        c_int,
        (c_void_p, POINTER(BinaryConv2DOptions), c_void_p, c_void_p, c_void_p, _OUT, _ERROR),
    ),
    "facesdk_binary_conv2d_run": (None, (c_void_p, c_void_p, c_void_p, c_int32)),
    "facesdk_binary_conv2d_destroy": (None, (c_void_p,)),
    "facesdk_pixels_version": (c_int32, ()),
    "facesdk_resize_area": (
        c_int,
        (_IMAGE, POINTER(Region), c_uint8, c_void_p, c_int32, c_int32, _ERROR),
    ),
    "facesdk_cut_windows": (
        c_int,
        (_IMAGE, c_void_p, c_size_t, c_uint8, c_void_p, c_int32, _ERROR),
    ),
    "facesdk_resize_bilinear": (c_int, (_IMAGE, c_void_p, c_int32, c_int32, _ERROR)),
    "facesdk_halve": (c_int, (_IMAGE, c_void_p, _ERROR)),
    "facesdk_warp": (c_int, (_IMAGE, Matrix, c_uint8, c_void_p, c_int32, c_int32, _ERROR)),
    "facesdk_grey": (c_int, (_IMAGE, c_void_p, _ERROR)),
    "facesdk_swap_channels": (c_int, (_IMAGE, c_void_p, _ERROR)),
    "facesdk_pad": (
        c_int,
        (_IMAGE, c_int32, c_int32, c_int32, c_int32, c_int, c_uint8, c_void_p, _ERROR),
    ),
    "facesdk_measure_crop": (c_int, (_IMAGE, POINTER(CropMeasures), _ERROR)),
    "facesdk_finder_detect": (
        c_int,
        (POINTER(FinderNetworks), _IMAGE, c_int32, c_int32, _OUT, c_void_p, _ERROR),
    ),
    "facesdk_faces_destroy": (None, (c_void_p,)),
}  # fmt: skip
"""Result and arguments of each function; a status (int) has an error as the last argument."""


@dataclass(frozen=True, slots=True)
class KernelPath:
    """The kernels for one instruction set.

    Attributes:
        name: For example ``"avx2"``; what ``FACESDK_OPS_ISA`` takes.
        supported: Whether this CPU can run it.
        requires: What a CPU must have, in words; empty if nothing.
    """

    name: str
    supported: bool
    requires: str


@dataclass(frozen=True, slots=True)
class OperatorLibrary:
    """What the operator library says about itself.

    Attributes:
        path: The shared library.
        version: Its version.
        isa: The kernel path it chose for this CPU, or that ``FACESDK_OPS_ISA`` forces.
        forced: Whether ``FACESDK_OPS_ISA`` forces it.
        paths: Every kernel path in it, best last.
    """

    path: Path
    version: str
    isa: str
    forced: bool
    paths: tuple[KernelPath, ...]

    @property
    def available(self) -> tuple[str, ...]:
        """Names of the kernel paths this CPU can run, best last."""
        return tuple(path.name for path in self.paths if path.supported)


def library_path() -> Path:
    """The shared library: ``FACESDK_OPS_LIBRARY`` if set, else the one in the package.

    Raises:
        OperatorLibraryError: There is none.
    """
    forced = os.environ.get(ENVIRONMENT)
    if forced:
        if not Path(forced).is_file():
            raise OperatorLibraryError(f"{ENVIRONMENT} names {forced}, which is not a file")
        return Path(forced).absolute()
    package = find_spec("facesdk._native")  # in another folder than this file when editable
    for folder in (package and package.submodule_search_locations) or ():
        candidate = Path(folder) / "libfacesdk_ops.so"
        if candidate.is_file():
            return candidate
    raise OperatorLibraryError(
        f"the operator library libfacesdk_ops.so is not installed: {_REMEDY}"
    )


def describe_library() -> OperatorLibrary:
    """Load the library and ask for its version and kernel paths.

    Raises:
        OperatorLibraryError: It is missing, does not load, is of another version of the interface,
            or a forced path is not available.
    """
    path = library_path()
    library = open_library(path)
    paths = tuple(
        KernelPath(
            library.facesdk_ops_isa_name(index).decode(),
            bool(library.facesdk_ops_isa_supported(index)),
            library.facesdk_ops_isa_requires(index).decode(),
        )
        for index in range(library.facesdk_ops_isa_count())
    )
    chosen, forced = library.facesdk_ops_isa(), os.environ.get(FORCED_PATH)
    if chosen is None:
        usable = ", ".join(kernels.name for kernels in paths if kernels.supported)
        raise OperatorLibraryError(
            f"{FORCED_PATH}={forced} is not a kernel path of this CPU; available: {usable}"
        )
    version = library.facesdk_ops_version().decode()
    return OperatorLibrary(path, version, chosen.decode(), bool(forced), paths)


def count_runs(library: ctypes.CDLL) -> dict[str, int]:
    """How many operators each kernel path has run in this process, whoever called them."""
    return {
        library.facesdk_ops_isa_name(index).decode(): int(library.facesdk_ops_isa_runs(index))
        for index in range(library.facesdk_ops_isa_count())
    }


@cache
def open_library(path: Path) -> ctypes.CDLL:
    """The library with the signatures of its functions; the copy that a runtime may have loaded.

    Raises:
        OperatorLibraryError: It does not load, is not the operator library, or is of another
            version of the interface.
    """
    try:
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise OperatorLibraryError(
            f"{path} is not the facesdk operator library, or not one for this computer "
            f"({one_line(error)}): {_REMEDY}"
        ) from None
    for what, version, needed in (
        ("the interface", library.facesdk_ops_abi_version(), ABI_VERSION),
        ("the pixel pipeline", library.facesdk_pixels_version(), PIXELS_VERSION),
    ):
        if version != needed:
            raise OperatorLibraryError(
                f"{path} has version {version} of {what}, but this facesdk needs {needed}: "
                f"{_REMEDY}"
            )
    return library


def call(library: ctypes.CDLL, name: str, *arguments: Any) -> None:
    """Call a function that returns a status.

    Args:
        library: See :func:`open_library`.
        name: The function.
        arguments: All but the error.

    Raises:
        InputError: An argument is wrong; the message is the library's.
        OperatorLibraryError: It fails for another reason.
    """
    error = Error()
    status = getattr(library, name)(*arguments, error)
    if status:
        kind = InputError if status == INVALID_ARGUMENT else OperatorLibraryError
        raise kind(error.message.decode())
