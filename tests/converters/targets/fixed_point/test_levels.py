import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facesdk.errors import InputError
from facesdk_converters.targets.fixed_point.levels import (
    alternate,
    errors,
    fit,
    narrowest,
    quantize,
)

PATENT_EXAMPLE = np.array([0.52, 2.11, 0.24, -0.25, -0.7, 0.31])

filters = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 12)),
    elements=st.floats(-100, 100, width=32),
)


@pytest.mark.parametrize("scale", [1.25, 1.5, 2.0])
def test_patents_two_bit_example(scale):
    levels = quantize(PATENT_EXAMPLE / scale, 2) / 2
    assert levels.tolist() == [0.5, 0.5, 0.0, 0.0, -0.5, 0.0]


def test_patents_two_bit_example_differs_at_scale_one_where_its_text_does():
    """0.31 is nearer to 0.5 than to 0; the patent prints 0."""
    assert (quantize(PATENT_EXAMPLE, 2) / 2).tolist() == [0.5, 0.5, 0.0, 0.0, -0.5, 0.5]


def test_patents_one_bit_example():
    values = np.array([0.51, 0.26, 0.24, -0.24, -0.26, -0.66])
    assert quantize(values, 1).tolist() == [1, 1, 1, -1, -1, -1]


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-2, 2)), st.integers(1, 8))
def test_every_value_gets_a_nearest_level(values, bits):
    half = 2 ** (bits - 1)
    levels = np.array([-1, 1]) if bits == 1 else np.arange(-half, half) / half
    got = quantize(values, bits) / (1 if bits == 1 else half)
    assert np.isin(got, levels).all()
    nearest = np.abs(values[:, np.newaxis] - levels).min(axis=1)
    np.testing.assert_allclose(np.abs(values - got), nearest, atol=1e-12)


@given(filters, st.integers(1, 8), st.floats(0.01, 3))
def test_no_iteration_increases_the_error_of_a_filter(weights, bits, start):
    rows = weights.astype(np.float64)
    largest = np.abs(rows).max(axis=1)
    steps = np.where(largest > 0, largest, 1.0) * start
    history = [errors(rows, found, bits) for found in alternate(rows, steps, bits)]
    for before, after in itertools.pairwise(history):
        assert (after <= before * (1 + 1e-9) + 1e-12).all()


def test_alternation_ends_where_neither_step_improves():
    rows = np.random.default_rng(5).normal(size=(6, 40))
    *_, steps = alternate(rows, np.abs(rows).max(axis=1) / 4, 3)
    codes = quantize(rows / (steps[:, np.newaxis] * 4), 3)
    best = (rows * codes).sum(axis=1) / (codes**2).sum(axis=1)
    np.testing.assert_allclose(steps, best, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(filters, st.integers(1, 6))
def test_scales_are_as_good_as_an_exhaustive_search(weights, bits):
    rows = weights.astype(np.float64)
    found = ((fit(rows, bits).values - rows) ** 2).sum(axis=1)
    largest = np.abs(rows).max(axis=1)
    grid = np.linspace(0.02, 1.2, 400) / (1 if bits == 1 else 2 ** (bits - 1))
    searched = np.min([errors(rows, np.maximum(largest, 1e-30) * g, bits) for g in grid], axis=0)
    searched = np.where(largest > 0, searched, 1e-10)
    norms = (rows**2).sum(axis=1)
    assert (found <= searched * 1.25 + norms * 0.02 + 1e-9).all()


def test_one_bit_scale_is_the_mean_magnitude():
    """XNOR-Net, section 3.1: the optimum for levels -1 and 1."""
    weights = np.random.default_rng(1).normal(size=(5, 3, 3, 8)).astype(np.float32)
    found = fit(weights, 1)
    np.testing.assert_allclose(found.steps, np.abs(weights).mean(axis=(1, 2, 3)), rtol=1e-5)
    assert (found.codes == np.where(weights < 0, -1, 1)).all()


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_fixed_point_weights_stay_what_they_are(bits):
    rng = np.random.default_rng(bits)
    half = 2 ** (bits - 1)
    codes = rng.integers(-half, half, (7, 3, 3, 20))
    codes[:, 0, 0, 0] = [-half, half - 1] * 3 + [-half]
    codes[1::2] = np.maximum(codes[1::2], 1 - half)
    steps = rng.uniform(0.001, 0.1, 7).astype(np.float32)
    weights = codes * steps.reshape(-1, 1, 1, 1)
    found = fit(weights, bits)
    np.testing.assert_allclose(found.values, weights, rtol=1e-4, atol=1e-7)


def trained(values, seed):
    """Filters of these values, each with a factor of its own."""
    rng = np.random.default_rng(seed)
    factors = rng.uniform(0.01, 3, (32, 1, 1, 1)).astype(np.float32)
    return rng.choice(np.asarray(values, np.float32), (32, 3, 3, 64)) * factors


@pytest.mark.parametrize(
    ("values", "bits"),
    [
        ((-1, 1), 1),
        ((-1, 0, 1), 2),
        ((-2, -1, 0, 1), 2),
        (range(-4, 4), 3),
        ((-4, -2, -1, 0, 1, 2, 4), 4),
        (range(-128, 128), 8),
    ],
)
def test_the_width_that_weights_were_trained_with_is_found(values, bits):
    weights = trained(values, bits)
    assert narrowest(weights) == bits
    assert narrowest(np.moveaxis(weights, 0, -1), axis=3) == bits
    weights[:8] *= -1
    assert narrowest(weights) == bits, "a quarter of the filters has a negative factor"


def test_float_weights_have_no_width():
    rng = np.random.default_rng(1)
    assert narrowest(rng.normal(size=(32, 3, 3, 64))) is None
    assert narrowest(rng.normal(size=(32, 3))) is None, "three weights say nothing"


@settings(deadline=None)
@example(np.array([[1e-45, 0.0]], np.float32), 1)
@given(filters, st.integers(1, 8))
def test_power_of_two_scales(weights, bits):
    found = fit(weights, bits, scale="power-of-two")
    mantissas, _ = np.frexp(found.steps)
    assert (mantissas == 0.5).all()
    half = 2 ** (bits - 1)
    assert found.codes.min() >= (-1 if bits == 1 else -half)
    assert found.codes.max() <= (1 if bits == 1 else half - 1)
    assert (found.codes != 0).all() or bits > 1


def test_filters_lie_along_the_given_axis():
    weights = np.random.default_rng(2).normal(size=(1, 3, 3, 6)) * [1, 2, 4, 8, 16, 32]
    along = fit(weights, 4, axis=3)
    apart = [fit(weights[..., [c]].reshape(1, -1), 4) for c in range(6)]
    np.testing.assert_array_equal(along.steps, np.concatenate([one.steps for one in apart]))
    np.testing.assert_array_equal(along.values[..., 5].ravel(), apart[5].values.ravel())


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_a_filter_of_zeros_stays_almost_zero(bits):
    found = fit(np.zeros((2, 5), np.float32), bits)
    assert (found.steps > 0).all()
    assert np.abs(found.values).max() <= (1e-6 if bits == 1 else 0)


def test_steps_can_be_made_coarser():
    fixed = fit(np.array([[1.0, -0.5, 0.25], [3.0, 2.0, -1.0]]), 8)
    least = np.array([0.1, 0.0])
    coarser = fixed.with_steps_of(least)
    assert coarser.steps[0] == np.float32(0.1) and coarser.steps[1] == fixed.steps[1]
    assert (np.abs(coarser.values - fixed.values) <= [[0.0501], [0]]).all()


@pytest.mark.parametrize("bits", [0, 33])
def test_impossible_widths_are_refused(bits):
    with pytest.raises(InputError, match="1 to 32 bits"):
        fit(np.ones((1, 2)), bits)


def test_unknown_scales_are_refused():
    with pytest.raises(InputError, match="free, power-of-two"):
        fit(np.ones((1, 2)), 4, scale="log")
