from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk.recognition.clarity import MOST, measurable, norm_of_clear, shortened
from sdk.recognition.test_embedding import contract


def outputs(norms: np.ndarray, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(len(norms), 8))
    return norms[:, None] * drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def by_the_measurable(found: np.ndarray) -> np.ndarray:
    full = measurable(contract()).full_norm
    assert full is not None
    return (found / full).astype(np.float32)


@given(
    scale=st.floats(1e-3, 1e4),
    share=st.floats(0.001, MOST),
    count=st.integers(20, 300),
    seed=st.integers(0, 99),
)
def test_a_share_of_the_photos_is_shortened(
    scale: float, share: float, count: int, seed: int
) -> None:
    """Against the definition, in float64."""
    norms = scale * np.random.default_rng(seed).permutation(np.linspace(0.5, 2, count))
    found = outputs(norms, seed)
    full = norm_of_clear(by_the_measurable(found), share)
    vectors = shortened(by_the_measurable(found), full)
    assert full is not None and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, found / np.maximum(norms, full)[:, None], atol=1e-5)
    assert np.mean(norms < full) == pytest.approx(share, abs=1.5 / count + 1e-3)


def test_no_share_shortens_nothing() -> None:
    found = outputs(np.linspace(3, 40, 30))
    assert norm_of_clear(by_the_measurable(found), 0) is None
    vectors = shortened(by_the_measurable(found), None)
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, unit, atol=1e-6)


def test_outputs_of_one_norm_say_nothing() -> None:
    with pytest.raises(InputError, match=r"all have norm 5, .* leave out --unclear"):
        norm_of_clear(by_the_measurable(outputs(np.full(30, 5.0))), 0.1)


@pytest.mark.parametrize("share", [-0.1, 0.51, float("nan")])
def test_a_share_out_of_its_range_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="share of unclear photos must be in"):
        norm_of_clear(by_the_measurable(outputs(np.linspace(3, 40, 30))), share)
