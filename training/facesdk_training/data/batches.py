"""Training batches: which crops, how distorted, prepared ahead by threads.

A batch is a pure function of the seed and the step, so an interrupted run needs no other state than
its step to go on as if it had not been interrupted, and any number of processes can share a step.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.recognition.alignment import central
from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.distortions import DistortionConfig
from facesdk_training.config.nuisances import NuisanceConfig
from facesdk_training.config.run import AugmentationConfig
from facesdk_training.data.augmentation import augmented
from facesdk_training.data.compensation import Pools
from facesdk_training.data.crops import INPUT, Crops
from facesdk_training.data.distortions import distorted

T = TypeVar("T")

_HALF_MIRRORED = DistortionConfig("mirror", share=0.5)


@dataclass(frozen=True, slots=True)
class BatchSampler:
    """Which rows make up a training step, as a pure function of the step.

    Each epoch is a permutation seeded by (seed, epoch), so an interrupted run needs no other state
    than its step number to go on as if it had not been interrupted.

    Attributes:
        rows: int64 rows to draw from.
        batch_size: Rows per step; the remainder of an epoch is dropped.
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
        rows: Distortions instead of ``augmentation``.
        steps: Length of the run, by which the strengths of ``rows`` go.
        copied: Crops that :meth:`copies` takes, by the sets of a row.
        alike: What is done to the last crops of a batch instead, half of which are mirrored.
    """

    crops: Crops
    targets: NDArray[Any]
    sampler: BatchSampler
    augmentation: AugmentationConfig
    height: int
    width: int
    workers: int = 1
    rows: tuple[DistortionConfig, ...] = ()
    steps: int = 1
    copied: Pools = field(default_factory=dict)
    alike: AlikeConfig = field(default_factory=AlikeConfig)

    def batches(self, first_step: int, last_step: int, part: slice) -> Iterator[Batch]:
        """Yields a part of each batch of the steps first_step <= step < last_step.

        Args:
            first_step: The first.
            last_step: The one after the last.
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
                yield step, INPUT.normalise(np.stack(list(images))), self.targets[rows[part]]

    def undistorted(self, count: int) -> Iterator[NDArray[np.float32]]:
        """Yields batches of random crops as the network will meet them, half of them mirrored.

        Args:
            count: How many batches.

        Raises:
            InputError: A crop cannot be decoded.
        """
        rng = np.random.default_rng(self.sampler.seed)
        for _ in range(count):
            rows = rng.choice(self.sampler.rows, self.sampler.batch_size)
            images = np.stack(
                [central(self.crops.image(row), self.height, self.width) for row in rows]
            )
            mirrored = rng.uniform(size=(len(rows), 1, 1, 1)) < 0.5
            yield INPUT.normalise(np.where(mirrored, images[:, :, ::-1], images))

    def copies(self, row: NuisanceConfig) -> Iterator[NDArray[np.float32]]:
        """Yields batches of the crops of a nuisance, distorted by it; the same crops every time.

        Args:
            row: Which sets they are of, and what is done to each; nothing leaves the window of
                undistorted crops.

        Raises:
            InputError: A crop cannot be decoded.
        """
        rng = np.random.default_rng(self.sampler.seed)
        chosen = rng.permutation(self.copied[row.sets])
        for start in range(0, len(chosen), self.sampler.batch_size):
            images = [
                distorted(self.crops.image(n), row.distortions, self.height, self.width, 0.0, rng)
                for n in chosen[start : start + self.sampler.batch_size]
            ]
            yield INPUT.normalise(np.stack(images))

    def _image(self, row: int, seed: tuple[int, int, int]) -> NDArray[np.uint8]:
        rng, image = np.random.default_rng(seed), self.crops.image(row)
        own, step, position = seed
        size, batch = (self.height, self.width), self.sampler.batch_size
        if position >= batch - self.alike.count(batch):
            of_all = np.random.default_rng((own, step, batch))  # as of no position
            spoilt = (_HALF_MIRRORED, self.alike.drawn(*of_all.uniform(size=2).tolist()))
            return distorted(image, spoilt, *size, 0.0, rng)
        if self.rows:
            return distorted(image, self.rows, *size, step / self.steps, rng)
        return augmented(image, self.augmentation, *size, rng)


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
