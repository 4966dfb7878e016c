from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.distortions import DistortionConfig
from facesdk_training.config.run import AugmentationConfig
from facesdk_training.data.batches import BatchSampler, CropBatches, prefetch
from facesdk_training.data.crops import INPUT


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


class Levels:
    """40 crops of one level each, brighter on the right."""

    def __len__(self) -> int:
        return 40

    def image(self, row: int) -> np.ndarray:
        image = np.full((112, 112, 3), 64 + 4 * row, np.uint8)
        image[:, 56:] += 8
        return image


ALIKE = AlikeConfig(
    share=0.4,
    weight=1.0,
    rows=(
        DistortionConfig("darkness", share=0.2, least=0.3, most=0.6, late=0.0),
        DistortionConfig("darkness", share=0.1, least=0.0, most=0.0),
        DistortionConfig("grey", share=0.0),
    ),
)


def spoilt_batches() -> CropBatches:
    plain = AugmentationConfig(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    levels = np.arange(40) * 4 + 64
    return CropBatches(
        *(Levels(), levels, BatchSampler(np.arange(40), 10, seed=3), plain, 112, 96),
        rows=(DistortionConfig("darkness", least=1.0, most=1.0),),
        steps=60,
        alike=ALIKE,
    )


def test_the_last_crops_of_a_batch_have_one_distortion_of_one_strength_all_along() -> None:
    drawn, mirrored = [], []
    for _, images, levels in spoilt_batches().batches(0, 60, slice(None)):
        pixels = images * INPUT.scale + INPUT.mean
        found = pixels.mean(axis=(1, 2, 3)) / (levels + 4)
        np.testing.assert_allclose(found[:6], 1.0, atol=0.01)
        np.testing.assert_allclose(found[6:], found[6], atol=0.01)
        drawn.append(found[6])
        if found[6] > 0.1:
            mirrored += list(pixels[6:, 0, 0, 0] > pixels[6:, 0, -1, 0])
        assert (pixels[:6, 0, 0, 0] < pixels[:6, 0, -1, 0]).all()
    black = np.isclose(drawn, 0.0, atol=1e-3)
    assert 8 <= black.sum() <= 32  # a third of 60
    others = np.array(drawn)[~black]
    assert 0.29 < others.min() < 0.38 and 0.52 < others.max() < 0.61
    assert 0.3 < np.mean(mirrored) < 0.7


def test_what_is_spoilt_alike_does_not_depend_on_who_makes_it() -> None:
    whole = list(spoilt_batches().batches(2, 6, slice(None)))
    for part in (slice(0, 5), slice(5, 10)):
        for (step, images, _), (_, some, _) in zip(
            whole, spoilt_batches().batches(2, 6, part), strict=True
        ):
            np.testing.assert_array_equal(images[part], some, err_msg=str(step))
