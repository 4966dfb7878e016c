"""Where crops are in a list of photos, against every way to skip photos and against the truth."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tools.experiments.recogniser import photo_order


@pytest.mark.parametrize(("crops", "photos"), [(1, 3), (4, 7), (5, 5)])
def test_the_posterior_is_the_mean_over_all_ways_to_skip_photos(crops: int, photos: int) -> None:
    skips = photos - crops + 1
    ratios = np.random.default_rng(1).normal(scale=2.0, size=(crops, skips))
    skipped = 0.3
    expected, total = np.zeros((crops, skips)), 0.0
    for rows in combinations(range(photos), crops):
        offsets = np.array(rows) - np.arange(crops)
        way = np.exp(ratios[np.arange(crops), offsets].sum())
        way *= skipped ** (photos - crops) * (1 - skipped) ** crops
        expected[np.arange(crops), offsets] += way
        total += way
    posterior, evidence = photo_order._posterior(ratios, skipped)
    np.testing.assert_allclose(posterior, expected / total, atol=1e-12)
    assert evidence == pytest.approx(np.log(total))


def _photos(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings of the crops, labels of all photos, and the photos that gave a crop."""
    fields = [rng.integers(0, kinds, 700) for kinds in (7, 2, 9)]
    labels = np.concatenate([np.eye(field.max() + 1)[field] for field in fields], axis=1)
    shown = np.sort(rng.permutation(700)[:630])
    vectors = labels @ rng.normal(size=(18, 40)) + rng.normal(size=(700, 40))
    return vectors[shown].astype(np.float32), labels.astype(bool), shown


def test_crops_find_their_photos() -> None:
    vectors, labels, shown = _photos(np.random.default_rng(7))
    placement = photo_order.place(vectors, labels)
    assert np.mean(placement.photos == shown) > 0.95
    certain = placement.certainty > 0.99
    assert certain.mean() > 0.9
    assert np.mean(placement.photos[certain] == shown[certain]) > 0.98


def test_labels_in_another_order_explain_nothing() -> None:
    rng = np.random.default_rng(7)
    vectors, labels, _ = _photos(rng)
    told = photo_order.place(vectors, labels).gain
    assert photo_order.place(vectors, labels[rng.permutation(700)]).gain < 0.3 * told
