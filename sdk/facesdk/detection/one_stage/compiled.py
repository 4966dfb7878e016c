"""The whole search of a one-stage finder and O-Net, but for the networks, in C.

It is what :class:`~facesdk.detection.refined.RefinedDetector` does with a
:class:`~facesdk.detection.one_stage.finder.OneStage`, to the last bit of boxes and landmarks, and
what Android does; on one photo of 640x480 it saves half a millisecond of Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from math import log, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.detector import DEFAULT_MIN_FACE, smaller_limit
from facesdk.detection.landmarks import ONet
from facesdk.detection.one_stage.finder import OneStage
from facesdk.detection.refined import RefinedDetector
from facesdk.errors import InputError, OperatorLibraryError
from facesdk.images import decode, pixels
from facesdk.images.decode import RgbImage
from facesdk.results import Face
from facesdk.runtime import operator_library as binding

Array = NDArray[np.float32]


class CompiledDetector(RefinedDetector):
    """Face detector with five landmarks; arguments and errors as of :class:`RefinedDetector`.

    An instance may be shared between threads.

    Args:
        finder: Finds squares that may hold a face.
        refiner: Decides about them.
        min_face: Side of the smallest face that is surely looked for, in pixels, at least 12.
        max_faces: Return at most that many faces, the largest; None for all.
    """

    finder: OneStage
    refiner: ONet

    def __init__(
        self,
        finder: OneStage,
        refiner: ONet,
        *,
        min_face: int = DEFAULT_MIN_FACE,
        max_faces: int | None = None,
    ) -> None:
        super().__init__(finder, refiner, min_face=min_face, max_faces=max_faces)

    def detect(self, image: RgbImage, max_faces: int | None = None) -> list[Face]:
        """See :meth:`facesdk.detection.detector.Detector.detect`."""
        photo = pixels.as_image(decode.as_image(image))
        limit = smaller_limit(self.max_faces, max_faces) or 0  # 0 is all
        networks = _Networks(self.finder, self.refiner)
        rows, count = ctypes.c_void_p(), ctypes.c_size_t()
        try:
            pixels.call(
                "facesdk_finder_detect", networks.given, photo, self.min_face, limit, rows,
                ctypes.byref(count),
            )  # fmt: skip
        except (InputError, OperatorLibraryError):
            if networks.failed is None:
                raise
        finally:
            networks.close()
        if networks.failed is not None:
            raise networks.failed
        if not rows:
            return []
        try:
            found = (binding.FoundFace * count.value).from_address(rows.value or 0)
            return [Face(row.box, row.score, np.reshape(row.landmarks, (5, 2))) for row in found]
        finally:
            pixels.library().facesdk_faces_destroy(rows)


class _Networks:
    """Runs the networks of one detection for the library.

    Attributes:
        given: What the library is told.
        failed: What a network raised; nothing may be raised through C.
    """

    def __init__(self, finder: OneStage, refiner: ONet) -> None:
        self.failed: BaseException | None = None
        self._finder, self._refiner = finder, refiner
        self._kept: list[Array] = []
        score, sees_from = finder.kind.score, finder.kind.sees_from
        self.given = binding.FinderNetworks(
            binding.CascadeNetworks(None, binding.RUN(self._run)),
            binding.LOOK(self._look),
            score,
            log(score**2 / (1 - score**2)),
            sees_from,
        )

    def close(self) -> None:
        """Give up what the library was told: else it and this hold each other, and memory."""
        del self.given

    def _look(
        self, _: Any, picture: Any, height: int, width: int, maps: Any, counts: Any, error: Any
    ) -> int:
        shown = _array(picture, (1, height, width, 3))
        return self._give(lambda: self._finder.maps(shown), maps, counts, error)

    def _run(
        self, _: Any, network: int, windows: Any, count: int, height: int, width: int,
        values: Any, value_count: Any, error: Any,
    ) -> int:  # fmt: skip
        shown = _array(windows, (count, height, width, 3)).astype(np.float32)
        return self._give(lambda: self._refiner.network.run(shown), values, value_count, error)

    def _give(
        self, outputs: Callable[[], list[Array]], values: Any, counts: Any, error: Any
    ) -> int:
        """Tell the library where a network's outputs are, which stay until the next run."""
        try:
            self._kept = [np.ascontiguousarray(array, np.float32) for array in outputs()]
        except BaseException as failed:  # also Ctrl-C: it is raised where C has returned
            self.failed = failed
            error.contents.message = b"a network failed"
            return binding.INVALID_ARGUMENT
        for place, array in enumerate(self._kept):
            values[place], counts[place] = array.ctypes.data, array.size
        return binding.OK


def _array(pixels_of_library: Any, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The library's own memory, uint8. NumPy's ``as_array`` leaves a cycle for each pointer."""
    memory = ctypes.c_uint8 * prod(shape)
    whole = memoryview(memory.from_address(ctypes.addressof(pixels_of_library.contents)))
    return np.frombuffer(whole, np.uint8).reshape(shape)
