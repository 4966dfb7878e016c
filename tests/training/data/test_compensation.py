"""The map that takes nuisances out, against directions that are known and a naive formula."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.errors import InputError
from facesdk_training.architectures.registry import configure
from facesdk_training.config import toml
from facesdk_training.config.nuisances import NuisanceConfig
from facesdk_training.data.compensation import COPIES, compensation, copied_rows, folded, pools
from facesdk_training.data.crops import CropRecord
from facesdk_training.keras.compensation import fold
from facesdk_training.keras.networks.build import build_embedder
from training.networks import faces, randomise

LENGTH = 12
BLUR = NuisanceConfig("blur", directions=1)


def strangers(seed: int, shared: float = 0.0, towards: int = 0) -> NDArray[np.float64]:
    """Random vectors, to which one direction is added."""
    rows = np.random.default_rng(seed).normal(size=(400, LENGTH))
    rows[:, towards] += shared
    return rows


def likeness(rows: NDArray[np.float64]) -> float:
    """The mean cosine of two of them."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    sums = unit.sum(0)
    return float((sums @ sums - len(rows)) / (len(rows) * (len(rows) - 1)))


def test_what_all_have_in_common_is_removed() -> None:
    blurred = strangers(1, shared=5.0, towards=3)
    change = compensation([BLUR], [blurred])
    assert likeness(blurred) > 0.5
    assert abs(likeness(blurred @ change)) < 0.01
    np.testing.assert_allclose(change @ change, change, atol=1e-12)
    assert np.linalg.matrix_rank(change) == LENGTH - 1


def test_a_direction_that_two_rows_share_is_removed_once() -> None:
    blurred = strangers(1, shared=5.0)
    once, twice = compensation([BLUR], [blurred]), compensation([BLUR, BLUR], [blurred, blurred])
    np.testing.assert_allclose(twice, once, atol=1e-9)


def test_the_length_of_an_embedding_does_not_matter() -> None:
    blurred = strangers(2, shared=2.0)
    longer = blurred * np.random.default_rng(3).uniform(0.1, 9.0, (len(blurred), 1))
    np.testing.assert_allclose(
        compensation([BLUR], [blurred]), compensation([BLUR], [longer]), atol=1e-12
    )


def test_the_rest_is_divided_by_the_fourth_root_of_the_weighted_moments() -> None:
    """The formula, with its power taken by Newton's square roots in place of eigenvalues."""
    rows = [NuisanceConfig("none", weight=1.5), BLUR, NuisanceConfig("noise", weight=0.25)]
    given = [strangers(4), strangers(5, 3.0, 7), strangers(6, 1.0, 2)]
    moments = []
    for vectors in given:
        moment = np.zeros((LENGTH, LENGTH))
        for vector in vectors:
            moment += np.outer(vector, vector) / (vector @ vector) / len(vectors)
        moments.append(moment)
    first = np.ones(LENGTH)
    for _ in range(200):
        first = moments[1] @ first
        first /= np.sqrt(first @ first)
    without = np.eye(LENGTH) - np.outer(first, first)
    divided = np.eye(LENGTH)
    for row, moment in zip(rows, moments, strict=True):
        divided += LENGTH * row.weight * without @ moment @ without
    expected = without @ np.linalg.inv(square_root(square_root(divided)))
    np.testing.assert_allclose(compensation(rows, given), expected, atol=1e-8)


def square_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a positive definite matrix, by the iteration of Denman and Beavers."""
    root, inverse = matrix, np.eye(len(matrix))
    for _ in range(40):
        root, inverse = (
            (root + np.linalg.inv(inverse)) / 2,
            (inverse + np.linalg.inv(root)) / 2,
        )
    return root


def test_the_map_folds_into_a_dense_layer() -> None:
    rng = np.random.default_rng(7)
    kernel, bias = rng.normal(size=(5, LENGTH)), rng.normal(size=LENGTH)
    change = compensation([BLUR], [strangers(8, 2.0)])
    features = rng.normal(size=(3, 5))
    new_kernel, new_bias = folded([kernel, bias], change)
    np.testing.assert_allclose(
        features @ new_kernel + new_bias, (features @ kernel + bias) @ change, atol=1e-5
    )


@pytest.mark.parametrize("units", [0, 8])
def test_a_folded_network_is_the_network_followed_by_the_map(units: int) -> None:
    shape = {"input_height": 32, "input_width": 32, "stages": ((8, 1),), "head_channels": 16}
    model = build_embedder(
        configure("MobileFaceNet", embedding_length=LENGTH, head_units=units, **shape)
    )
    randomise(model)
    crops = faces(3)[:, :32, :32]
    before = np.asarray(model(crops, training=False))
    change = compensation([BLUR], [strangers(8, 2.0)])
    fold(model, change)
    np.testing.assert_allclose(model(crops, training=False), before @ change, atol=1e-4)


def test_a_map_that_leaves_nothing_is_refused() -> None:
    everything = NuisanceConfig("blur", directions=LENGTH)
    with pytest.raises(InputError, match="remove all 12 directions"):
        compensation([everything], [strangers(9)])
    with pytest.raises(InputError, match="no direction"):
        compensation([BLUR], [np.zeros((4, LENGTH))])


def test_as_many_crops_are_copied_of_each_set() -> None:
    count = {"large": 5000, "some": 1500, "small": 40}
    records = [
        CropRecord(name, "", "x.webp", None) for name, crops in count.items() for _ in range(crops)
    ]
    held_out = {3, 6501}
    rows = np.array([row for row in range(len(records)) if row not in held_out])
    chosen = copied_rows(records, rows)
    assert len(chosen) == len(set(chosen.tolist())) == COPIES
    assert not held_out & set(chosen.tolist())
    drawn = Counter(records[row].set for row in chosen)
    assert drawn["small"] == 39
    assert abs(drawn["large"] - drawn["some"]) <= 1
    np.testing.assert_array_equal(copied_rows(records, rows[-70:]), rows[-70:])


def test_a_row_of_some_sets_has_crops_of_these_alone() -> None:
    records = [CropRecord(name, "", "x.webp", None) for name in ("a", "b", "c") * 30]
    rows = np.arange(5, 90)
    one, two = (NuisanceConfig("none", directions=1, sets=sets) for sets in (("b",), ("a", "c")))
    drawn = pools([BLUR, one, two], records, rows)
    assert list(drawn[()]) == list(rows)
    assert [records[row].set for row in drawn["b",]] == ["b"] * 28
    assert sorted(np.concatenate([drawn["b",], drawn["a", "c"]])) == list(rows)
    with pytest.raises(InputError, match="no training crop is from lfw or d"):
        pools([NuisanceConfig("none", directions=1, sets=("lfw", "d"))], records, rows)


def test_a_last_layer_that_is_no_dense_one_is_refused() -> None:
    with pytest.raises(InputError, match="that of A is a convolution"):
        toml.parse(
            {
                "objective": "distillation",
                "network": {"architecture": "A"},
                "nuisances": [{"distortion": "blur", "directions": 1}],
            },
            "test",
        )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"distortion": "blur"}, "directions or weight of blur must be above 0"),
        ({"distortion": "blur", "weight": -1.0}, "directions or weight"),
        ({"distortion": "blur", "directions": -1, "weight": 1.0}, "directions or weight"),
        ({"distortion": "none", "least": 1.0, "weight": 1.0}, "no least and most"),
        ({"distortion": "blur", "least": 7.0, "most": 6.0, "weight": 1.0}, "strengths of blur"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(row: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        NuisanceConfig(**row)  # type: ignore[arg-type]
