from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk_training.data.batches import BatchSampler, prefetch


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
