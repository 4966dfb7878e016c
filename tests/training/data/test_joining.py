from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk_training.data.joining import (
    joined_units,
    principal_projection,
    projected,
    read_projection,
)


def units(count: int, length: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, length)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_cosine_of_joined_vectors_is_the_mean_of_the_teachers() -> None:
    first, second = units(20, 6, 1), units(20, 10, 2)
    joined = joined_units([first, second])
    expected = (first @ first.T + second @ second.T) / 2
    np.testing.assert_allclose(joined @ joined.T, expected, atol=1e-6)


def test_the_projection_keeps_vectors_of_few_dimensions() -> None:
    low = units(50, 4, 3) @ np.linalg.qr(np.random.default_rng(4).normal(size=(12, 4)))[0].T
    projection = principal_projection(low.astype(np.float32), 4)
    np.testing.assert_allclose(projection.T @ projection, np.eye(4), atol=1e-5)
    short = projected(low.astype(np.float32), projection)
    np.testing.assert_allclose(short @ short.T, low @ low.T, atol=1e-5)


def test_the_projection_does_not_depend_on_the_signs_of_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    joined = units(50, 12, 5)
    expected = principal_projection(joined, 4)
    assert (expected[np.abs(expected).argmax(axis=0), range(4)] > 0).all()
    found, eigh = [], np.linalg.eigh
    for sign in (1.0, -1.0):
        monkeypatch.setattr(np.linalg, "eigh", lambda m, s=sign: (eigh(m)[0], s * eigh(m)[1]))
        found.append(principal_projection(joined, 4))
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(found[1], expected)


def test_a_projection_of_other_teachers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "projection.npz"
    np.savez(path, projection=np.eye(8, 4, dtype=np.float32))
    assert read_projection(path, 8, 4).shape == (8, 4)
    with pytest.raises(InputError, match="is for 8 numbers to 4"):
        read_projection(path, 9, 4)
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="cannot read the projection"):
        read_projection(path, 8, 4)
