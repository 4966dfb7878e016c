"""The functions of ``facesdk_face.h`` that Python's device side does not use, on NumPy arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import POINTER, c_double, c_float, c_int32, c_size_t, c_void_p
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.results import Face
from facesdk.runtime import operator_library as binding

Picture = NDArray[np.uint8]
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Pictures ``(n, height, width, 3)`` in, the network's output."""


class _Plane(ctypes.Structure):
    _fields_ = (
        ("samples", c_void_p),
        ("bytes", c_size_t),
        ("row_bytes", c_int32),
        ("sample_bytes", c_int32),
    )


@dataclass(frozen=True)
class Plane:
    """Samples in memory: ``memory[start + y * row_bytes + x * sample_bytes]``."""

    memory: NDArray[np.uint8]
    start: int
    row_bytes: int
    sample_bytes: int

    def structure(self) -> _Plane:
        return _Plane(
            self.memory.ctypes.data + self.start,
            self.memory.size - self.start,
            self.row_bytes,
            self.sample_bytes,
        )


def _library() -> ctypes.CDLL:
    return binding.open_library(binding.library_path())


def _call(function: str, *arguments: Any) -> None:
    error = binding.Error()
    if getattr(_library(), function)(*arguments, ctypes.byref(error)):
        raise InputError(error.message.decode())


def _image(picture: Picture) -> Any:
    return binding.Image(
        picture.ctypes.data, picture.shape[0], picture.shape[1], picture.strides[0]
    )


def _upright(function: str, planes: Any, height: int, width: int, rotation: int) -> Picture:
    turned = rotation % 180 != 0
    result = np.zeros((width, height, 3) if turned else (height, width, 3), np.uint8)
    sizes = map(c_int32, (height, width, rotation))
    _call(function, planes, *sizes, c_void_p(result.ctypes.data))
    return result


def upright_rgb(plane: Plane, height: int, width: int, rotation: int) -> Picture:
    structure = ctypes.byref(plane.structure())
    return _upright("facesdk_upright_rgb", structure, height, width, rotation)


def upright_yuv420(planes: Sequence[Plane], height: int, width: int, rotation: int) -> Picture:
    structures = (_Plane * 3)(*[plane.structure() for plane in planes])
    return _upright("facesdk_upright_yuv420", structures, height, width, rotation)


def align(photo: Picture, landmarks: NDArray[np.float32], width: int = 112) -> Picture:
    result = np.zeros((112, width, 3), np.uint8)
    points = (c_float * 10)(*landmarks.astype(np.float32).ravel().tolist())
    _call(
        "facesdk_align", ctypes.byref(_image(photo)), points, c_int32(width),
        c_void_p(result.ctypes.data),
    )  # fmt: skip
    return result


def suppress(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], threshold: float, of_smaller: bool
) -> list[int]:
    boxes, scores = (np.ascontiguousarray(array, np.float64) for array in (boxes, scores))
    kept, count = (c_size_t * max(1, len(scores)))(), c_size_t()
    _call(
        "facesdk_suppress", c_void_p(boxes.ctypes.data), c_void_p(scores.ctypes.data),
        c_size_t(len(scores)), c_double(threshold), c_int32(of_smaller), kept, ctypes.byref(count),
    )  # fmt: skip
    return list(kept[: count.value])


def detect(
    networks: Sequence[Network], photo: Picture, min_face: int, max_faces: int | None = None
) -> list[Face]:
    """The cascade with P-Net, R-Net and O-Net run by Python."""
    given = binding.CascadeNetworks(None, _runner(networks))
    return _faces("facesdk_mtcnn_detect", given, photo, min_face, max_faces)


def _runner(networks: Sequence[Network]) -> Any:
    """The callback that runs networks."""
    alive: list[NDArray[np.float32]] = []

    @binding.RUN
    def run(_: Any, index: int, pixels: Any, count: int, height: int, width: int,
            values: Any, value_count: Any, error: Any) -> int:  # fmt: skip
        pictures = np.ctypeslib.as_array(pixels, (count, height, width, 3)).astype(np.float32)
        output = np.ascontiguousarray(networks[index](pictures), np.float32)
        alive[:] = [output]
        values[0], value_count[0] = output.ctypes.data, output.size
        return 0

    return run


def _faces(
    function: str, networks: Any, photo: Picture, min_face: int, max_faces: int | None
) -> list[Face]:
    faces, count = POINTER(binding.FoundFace)(), c_size_t()
    _call(
        function, ctypes.byref(networks),
        ctypes.byref(_image(photo)), c_int32(min_face), c_int32(max_faces or 0),
        ctypes.byref(faces), ctypes.byref(count),
    )  # fmt: skip
    found = [
        Face(list(row.box), row.score, np.reshape(row.landmarks, (5, 2)))
        for row in faces[: count.value]
    ]
    _library().facesdk_faces_destroy(faces)
    return found
