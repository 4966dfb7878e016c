"""Training batches: which crops, how distorted, prepared ahead by threads.

A batch is a pure function of the seed and the step, so an interrupted run needs no other state than
its step to go on as if it had not been interrupted, and any number of processes can share a step.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk_training.data.crops import PIXEL_MEAN, Crops, normalise

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Label-preserving distortions of an aligned crop, and whether the student mirrors it.

    Attributes:
        shift: Largest translation, in pixels.
        scale: Largest relative change of size.
        rotation: Largest rotation, in degrees.
        contrast: Largest relative change of contrast.
        brightness: Largest change of brightness, in grey levels.
        low_resolution: Probability of shrinking the crop to 0.35-0.9 of its size and enlarging it.
        grey: Probability of removing colour.
        random_crop: Whether the window of the network's size is placed anywhere in the crop, as in
            the paper with crops of 128x128, instead of in its middle.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "allow_inf_nan": False}

    shift: float = 2.0
    scale: float = 0.04
    rotation: float = 4.0
    contrast: float = 0.25
    brightness: float = 20.0
    low_resolution: float = 0.2
    grey: float = 0.08
    random_crop: bool = False

    def apply(
        self, image: NDArray[np.uint8], height: int, width: int, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """Distorts an aligned crop and cuts a window out of it.

        Args:
            image: uint8 [S, S, 3].
            height: Rows of the result.
            width: Columns of the result.
            rng: Source of all randomness; the same state gives the same result.

        Returns:
            uint8 [height, width, 3].
        """
        u = rng.uniform(-1.0, 1.0, 6)
        chance = rng.uniform(0.0, 1.0, 6)
        full = image.shape[0]
        if chance[0] < self.low_resolution:
            size = round(full * (0.35 + 0.55 * chance[1]))
            small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, (full, full), interpolation=cv2.INTER_LINEAR)
        centre = (full - 1) / 2.0
        matrix = cv2.getRotationMatrix2D(
            (centre, centre), self.rotation * u[0], 1.0 + self.scale * u[1]
        )
        left, top = (full - width) / 2.0, (full - height) / 2.0
        if self.random_crop:
            left, top = (int(chance[4] * (2 * left + 1)), int(chance[5] * (2 * top + 1)))
        matrix[:, 2] += (self.shift * u[2] - left, self.shift * u[3] - top)
        if chance[2] < 0.5:
            matrix[0] *= -1.0
            matrix[0, 2] += width - 1.0
        image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        if chance[3] < self.grey:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        gain = 1.0 + self.contrast * u[4]
        offset = self.brightness * u[5] + (1.0 - gain) * PIXEL_MEAN
        levels = np.clip(np.arange(256) * gain + offset, 0, 255).round().astype(np.uint8)
        return np.asarray(cv2.LUT(image, levels), np.uint8)


@dataclass(frozen=True, slots=True)
class BatchSampler:
    """Which rows make up a training step, as a pure function of the step.

    Each epoch is a permutation seeded by (seed, epoch), so an interrupted run needs no other state
    than its step number to go on as if it had not been interrupted.

    Attributes:
        rows: int64 rows to draw from.
        batch_size: Rows a step; the remainder of an epoch is dropped.
        seed: Seed of the permutations.
    """

    rows: NDArray[np.int64]
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        if len(self.rows) < self.batch_size:
            raise InputError(
                f"the batch size is {self.batch_size} but there are only {len(self.rows)} training "
                "crops: choose a smaller batch"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in one pass over the rows."""
        return len(self.rows) // self.batch_size

    def batches(self, first_step: int, last_step: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yields (step, int64 rows [batch_size]) for the steps first_step <= step < last_step."""
        epoch, order = -1, self.rows
        for step in range(first_step, last_step):
            if step // self.steps_per_epoch != epoch:
                epoch = step // self.steps_per_epoch
                order = np.random.default_rng((self.seed, epoch)).permutation(self.rows)
            start = (step % self.steps_per_epoch) * self.batch_size
            yield step, order[start : start + self.batch_size]


Batch = tuple[int, NDArray[np.float32], NDArray[Any]]
"""A step, its images float32 [N, height, width, 3], normalised, and their targets [N, ...]."""


@dataclass(frozen=True, slots=True)
class CropBatches:
    """The batches of a run.

    Attributes:
        crops: Where the images are.
        targets: What is to be learned of each crop: int64 [len(crops)] labels, or float32
            [len(crops), D] unit vectors.
        sampler: Which crops make up a step.
        augmentation: How they are distorted.
        height: Rows of the network's input.
        width: Columns of the network's input.
        workers: Threads that decode and distort.
    """

    crops: Crops
    targets: NDArray[Any]
    sampler: BatchSampler
    augmentation: Augmentation
    height: int
    width: int
    workers: int = 1

    def batches(self, first_step: int, last_step: int, part: slice) -> Iterator[Batch]:
        """Yields a part of each batch of the steps first_step <= step < last_step.

        Args:
            first_step: The first.
            last_step: The one behind the last.
            part: Which positions of each batch; other processes take the others.

        Raises:
            InputError: A crop cannot be decoded.
        """
        positions = range(self.sampler.batch_size)[part]
        with ThreadPoolExecutor(self.workers) as pool:
            for step, rows in self.sampler.batches(first_step, last_step):
                images = pool.map(
                    self._image,
                    rows[part],
                    [(self.sampler.seed, step, position) for position in positions],
                )
                yield step, normalise(np.stack(list(images))), self.targets[rows[part]]

    def _image(self, row: int, seed: tuple[int, int, int]) -> NDArray[np.uint8]:
        rng = np.random.default_rng(seed)
        return self.augmentation.apply(self.crops.image(row), self.height, self.width, rng)


def prefetch(items: Iterable[T], depth: int) -> Iterator[T]:
    """Yields the items in order while a thread prepares up to ``depth`` of them ahead.

    Raises:
        Exception: Whatever the preparation of an item raises, at that item's place.
    """
    ready: queue.Queue[T | BaseException | None] = queue.Queue(depth)
    abandoned = threading.Event()

    def put(item: T | BaseException | None) -> bool:
        while not abandoned.is_set():
            try:
                ready.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(None)
        except BaseException as error:
            put(error)

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        abandoned.set()
        producer.join()
