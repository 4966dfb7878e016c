from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk_training.data.batches import Augmentation, BatchSampler, prefetch

STILL = Augmentation(0, 0, 0, 0, 0, 0, 0)


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(112, 96), (112, 112), (96, 80)])
def test_without_distortion_the_crop_is_the_centre_or_its_mirror(height: int, width: int) -> None:
    top, left = (112 - height) // 2, (112 - width) // 2
    centre = image()[top : top + height, left : left + width]
    rng = np.random.default_rng(1)
    results = [STILL.apply(image(), height, width, rng) for _ in range(40)]
    plain = [np.array_equal(result, centre) for result in results]
    mirrored = [np.array_equal(result, centre[:, ::-1]) for result in results]
    assert all(a != b for a, b in zip(plain, mirrored, strict=True))
    assert 5 < sum(mirrored) < 35


def test_the_same_random_state_gives_the_same_crop() -> None:
    one, two = (Augmentation().apply(image(), 112, 96, np.random.default_rng(5)) for _ in "ab")
    other = Augmentation().apply(image(), 112, 96, np.random.default_rng(6))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_distortions_keep_to_their_limits() -> None:
    flat = np.full((112, 112, 3), 100, np.uint8)
    augmentation = Augmentation(brightness=20, contrast=0.25)
    rng = np.random.default_rng(2)
    levels = np.array([augmentation.apply(flat, 112, 96, rng)[0, 0, 0] for _ in range(400)], float)
    limit = 20 + 0.25 * (127.5 - 100)
    assert 0.75 * limit < 100 - levels.min() <= limit + 1
    assert 0.75 * limit < levels.max() - 100 <= limit + 1


def test_an_epoch_visits_each_row_once_in_an_order_of_its_own() -> None:
    sampler = BatchSampler(np.arange(100, 140), 10, seed=3)
    epochs = [
        np.concatenate([rows for _, rows in sampler.batches(first, first + 4)]) for first in (0, 4)
    ]
    for epoch in epochs:
        assert sorted(epoch) == list(range(100, 140))
    assert not np.array_equal(*epochs)


def test_batches_depend_on_the_step_alone() -> None:
    sampler = BatchSampler(np.arange(37), 5, seed=3)
    whole = dict(sampler.batches(0, 30))
    for step, rows in sampler.batches(11, 30):
        np.testing.assert_array_equal(rows, whole[step])


def test_a_batch_larger_than_the_data_is_an_error() -> None:
    with pytest.raises(InputError, match="batch size is 8 but there are only 5"):
        BatchSampler(np.arange(5), 8, seed=0)


def test_prefetch_keeps_the_order_and_passes_errors_on() -> None:
    def items() -> Iterator[int]:
        yield from range(10)
        raise InputError("crop 10 is broken")

    stream = prefetch(items(), 3)
    assert [next(stream) for _ in range(10)] == list(range(10))
    with pytest.raises(InputError, match="crop 10"):
        next(stream)


def test_prefetch_ends_its_thread_when_it_is_abandoned() -> None:
    before = threading.active_count()
    stream = prefetch(iter(range(10**9)), 3)
    assert next(stream) == 0
    stream.close()
    assert threading.active_count() == before
