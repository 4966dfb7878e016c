"""Every quantizer, forward and backward, against its formula in NumPy."""

from __future__ import annotations

from collections.abc import Callable

import larq as lq
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facesdk.errors import InputError
from facesdk_training.architectures.quantizer_names import (
    BINARY_ACTIVATIONS,
    BINARY_WEIGHTS,
    BOUNDINGS,
    check_activations,
    check_weights,
)
from facesdk_training.keras.networks.quantizers import (
    BOUNDING_FUNCTIONS,
    HWGQ_STEPS,
    activation_quantizer,
    weight_quantizer,
)

Array = np.ndarray
Oracle = Callable[[Array], tuple[Array, Array]]


def sign(x: Array) -> Array:
    return np.where(x < 0, -1.0, 1.0)


def within_one(x: Array) -> Array:
    return (np.abs(x) <= 1).astype(np.float64)


def bnn(x: Array) -> tuple[Array, Array]:
    return sign(x), within_one(x)


def bi_real(x: Array) -> tuple[Array, Array]:
    return sign(x), np.maximum(0, 2 - 2 * np.abs(x))


def xnor_layer(x: Array) -> tuple[Array, Array]:
    alpha = sum(abs(value) for value in x.ravel()) / x.size
    return alpha * sign(x), alpha * within_one(x)


def xnor_filter(x: Array) -> tuple[Array, Array]:
    alphas = np.array([np.abs(x[..., channel]).mean() for channel in range(x.shape[-1])])
    return alphas * sign(x), alphas * within_one(x)


def xnor_sample(x: Array) -> tuple[Array, Array]:
    betas = np.array([np.abs(sample).mean() for sample in x]).reshape(-1, *[1] * (x.ndim - 1))
    return betas * sign(x), betas * within_one(x)


def dorefa_one_bit(x: Array) -> tuple[Array, Array]:
    return np.abs(x).mean() * sign(x), np.ones_like(x)


def levels(x: Array, bits: int) -> Array:
    return np.rint((2**bits - 1) * x) / (2**bits - 1)


def dorefa_weights(bits: int) -> Oracle:
    def oracle(x: Array) -> tuple[Array, Array]:
        largest = np.abs(np.tanh(x)).max()
        if largest == 0:
            return 2 * levels(np.full_like(x, 0.5), bits) - 1, np.zeros_like(x)
        value = 2 * levels(np.tanh(x) / (2 * largest) + 0.5, bits) - 1
        return value, (1 - np.tanh(x) ** 2) / largest

    return oracle


def dorefa_activations(bits: int, bounding: str) -> Oracle:
    def oracle(x: Array) -> tuple[Array, Array]:
        if bounding == "clip":
            bounded, slope = np.clip(x, 0, 1), ((x >= 0) & (x <= 1)).astype(np.float64)
        elif bounding == "tanh":
            bounded, slope = 0.5 * (np.tanh(x) + 1), 0.5 * (1 - np.tanh(x) ** 2)
        else:
            bounded, slope = np.minimum(1, np.abs(x)), np.sign(x) * within_one(x)
        return levels(bounded, bits), slope

    return oracle


def twn(x: Array) -> tuple[Array, Array]:
    value = np.zeros_like(x)
    for channel in range(x.shape[-1]):
        weights = x[..., channel]
        kept = np.abs(weights) > 0.7 * np.abs(weights).mean()
        if kept.any():
            scale = np.abs(weights[kept]).mean()
            value[..., channel] = np.where(kept, np.sign(weights) * scale, 0)
    return value, np.ones_like(x)


def ttq(x: Array) -> tuple[Array, Array]:
    """With the scales that a layer begins with."""
    scale = np.sqrt(2 / max(1, np.prod(x.shape[:-1])))
    kept = np.abs(x) > 0.05 * np.abs(x).max()
    return np.where(kept, np.sign(x) * scale, 0), np.where(kept, scale, 1.0)


def hwgq(bits: int, step: float) -> Oracle:
    def oracle(x: Array) -> tuple[Array, Array]:
        levels = step * np.arange(1, 2**bits)
        nearest = levels[np.abs(x[..., np.newaxis] - levels).argmin(axis=-1)]
        inside = (x > 0) & (x <= levels[-1])
        return np.where(x > 0, nearest, 0), inside.astype(np.float64)

    return oracle


WEIGHTS: dict[str, Oracle] = {
    "bnn": bnn,
    "bi-real": bi_real,
    "xnor-layer": xnor_layer,
    "xnor-filter": xnor_filter,
    "dorefa-1": dorefa_one_bit,
    **{f"dorefa-{bits}": dorefa_weights(bits) for bits in range(2, 9)},
    "twn": twn,
    "ttq": ttq,
}
ACTIVATIONS: dict[str, Oracle] = {
    "bnn": bnn,
    "bi-real": bi_real,
    "xnor": xnor_sample,
    "dorefa-1": xnor_sample,
    **{
        f"dorefa-{bits}-{bounding}": dorefa_activations(bits, bounding)
        for bits in (2, 3, 8)
        for bounding in ("clip", "tanh", "abs")
    },
    **{f"hwgq-{bits}": hwgq(bits, step) for bits, step in ((2, 0.53881), (4, 0.18424))},
}
EVERY = [
    *((weight_quantizer, name, oracle) for name, oracle in WEIGHTS.items()),
    *((activation_quantizer, name, oracle) for name, oracle in ACTIVATIONS.items()),
]
each = pytest.mark.parametrize(
    ("factory", "name", "oracle"), EVERY, ids=[f"{f.__name__}-{name}" for f, name, _ in EVERY]
)


def outcome(quantizer: lq.quantizers.Quantizer, x: Array, upstream: Array) -> tuple[Array, Array]:
    values = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(values)
        y = quantizer(values)
    return y.numpy(), tape.gradient(y, values, tf.constant(upstream, tf.float32)).numpy()


@each
def test_value_and_gradient(factory: Callable, name: str, oracle: Oracle) -> None:
    rng = np.random.default_rng(3)
    edges = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-30, -1e-30, 40.0, -40.0]
    x = np.concatenate([rng.normal(0, 0.8, 108 - len(edges)), edges]).reshape(2, 3, 3, 6)
    x = x.astype(np.float32).astype(np.float64)
    upstream = rng.normal(size=x.shape)
    quantizer = factory(name)
    expected, slope = oracle(x)
    value, gradient = outcome(quantizer, x, upstream)
    if quantizer.precision == 1:
        np.testing.assert_allclose(value, expected, rtol=1e-5)
    else:
        steps = np.abs(value - expected) * (2**quantizer.precision - 1)
        assert np.mean(steps > 1e-3) < 0.05, "more than rounding ties differ"
        assert steps.max() < 2.001
    np.testing.assert_allclose(gradient, upstream * slope, rtol=1e-3, atol=1e-6)


@given(
    x=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=4, max_side=5),
        elements=st.floats(-4, 4, width=32, allow_subnormal=False),  # XLA and Eigen flush them
    ),
    index=st.integers(0, len(EVERY) - 1),
)
def test_any_shape(x: Array, index: int) -> None:
    factory, _, oracle = EVERY[index]
    quantizer = factory(EVERY[index][1])
    value, gradient = outcome(quantizer, x, np.ones_like(x))
    assert value.shape == gradient.shape == x.shape
    expected, slope = oracle(x.astype(np.float64))
    step = 0 if quantizer.precision == 1 else 2.001 / (2**quantizer.precision - 1)
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=step + 1e-30)
    np.testing.assert_allclose(gradient, slope, rtol=1e-3, atol=1e-6)


@each
def test_no_more_values_than_bits_allow(factory: Callable, name: str, oracle: Oracle) -> None:
    quantizer = factory(name)
    x = np.random.default_rng(5).normal(size=(1, 40, 50, 1))
    value, _ = outcome(quantizer, x, x)
    assert 2 <= len(np.unique(value)) <= 2**quantizer.precision


@each
def test_it_survives_serialisation(factory: Callable, name: str, oracle: Oracle) -> None:
    quantizer = factory(name)
    again = lq.quantizers.deserialize(lq.quantizers.serialize(quantizer))
    assert type(again) is type(quantizer)
    assert again.precision == quantizer.precision
    x = np.random.default_rng(6).normal(size=(2, 4, 4, 3))
    for one, other in zip(outcome(quantizer, x, x), outcome(again, x, x), strict=True):
        np.testing.assert_array_equal(one, other)


def test_more_bits_approach_the_bounded_value() -> None:
    x = np.random.default_rng(7).normal(size=(1, 500))
    bounded = 0.5 * (np.tanh(x) + 1)
    for bits in range(2, 9):
        value, _ = outcome(activation_quantizer(f"dorefa-{bits}-tanh"), x, x)
        assert np.abs(value - bounded).max() <= 0.5 / (2**bits - 1) + 1e-6


def test_one_bit_is_the_limit_of_the_formula_for_k_bits() -> None:
    """Formula 4 at k = 1 gives sign(W); DoReFa-Net adds the scale of XNOR-Net."""
    x = np.random.default_rng(8).normal(size=(3, 3, 4, 5))
    formula = lq.quantizers.DoReFa(k_bit=1, mode="weights")(tf.constant(x, tf.float32)).numpy()
    np.testing.assert_array_equal(formula, sign(x))
    value, _ = outcome(weight_quantizer("dorefa-1"), x, x)
    np.testing.assert_allclose(value, np.abs(x).mean() * formula, rtol=1e-6)
    np.testing.assert_array_equal(value, outcome(weight_quantizer("xnor-layer"), x, x)[0])


def test_the_scale_is_the_best_one() -> None:
    """XNOR-Net: alpha = mean|W| minimises |W - alpha sign(W)|."""
    x = np.random.default_rng(9).normal(size=(3, 3, 4, 5))
    value, _ = outcome(weight_quantizer("xnor-layer"), x, x)
    error = np.sum((x - value) ** 2)
    for factor in (0.98, 1.02):
        assert np.sum((x - factor * value) ** 2) > error


def test_ternary_scale_is_the_best_for_its_zeros_and_its_threshold_near_the_best() -> None:
    """TWN, equations 4 to 6: against every threshold of a filter of 64 normal weights."""
    ratios = []
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=(8, 8, 1))
        value, _ = outcome(weight_quantizer("twn"), x, x)
        zeros = value == 0
        error = np.sum((x - value) ** 2)
        for factor in (0.98, 1.02):
            assert np.sum((x - factor * value) ** 2) > error
        assert zeros.any()
        magnitudes = np.abs(x)
        best = min(
            np.sum((magnitudes - magnitudes[kept].mean() * kept) ** 2)
            for kept in (magnitudes > d for d in [0, *np.sort(magnitudes.ravel())[:-1]])
        )
        ratios.append(error / best)
    assert np.mean(ratios) < 1.1


def test_trained_scales_get_the_gradients_of_their_weights() -> None:
    """TTQ, equation 7, against differences; and they are fitted to trained weights."""
    x = np.random.default_rng(4).normal(size=(3, 3, 2, 5)).astype(np.float32)
    upstream = np.random.default_rng(5).normal(size=x.shape).astype(np.float32)
    quantizer = weight_quantizer("ttq")
    quantizer(x)
    quantizer.fit(tf.constant(x))
    above, below = x > 0.05 * np.abs(x).max(), x < -0.05 * np.abs(x).max()
    assert float(quantizer.positive) == pytest.approx(x[above].mean(), rel=1e-5)
    assert float(quantizer.negative) == pytest.approx(-x[below].mean(), rel=1e-5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(quantizer(x) * upstream)
    gradients = tape.gradient(loss, [quantizer.positive, quantizer.negative])
    for scale, gradient in zip((quantizer.positive, quantizer.negative), gradients, strict=True):
        scale.assign_add(0.5)
        shifted = float(tf.reduce_sum(quantizer(x) * upstream))
        scale.assign_sub(0.5)
        assert float(gradient) == pytest.approx((shifted - float(loss)) / 0.5, rel=1e-3)


def test_half_wave_steps_are_the_best_for_a_normal_distribution() -> None:
    x = np.abs(np.random.default_rng(2).normal(size=200_000))
    for bits, step in HWGQ_STEPS.items():

        def error(d: float, most: int = 2**bits - 1) -> float:
            return float(np.mean((x - d * np.clip(np.rint(x / d), 1, most)) ** 2))

        assert error(step) < min(error(0.93 * step), error(1.07 * step))


def test_float_is_no_quantizer() -> None:
    assert weight_quantizer("float") is None
    assert activation_quantizer("float") is None


def test_names_say_how_many_bits_quantizers_have() -> None:
    for name in ACTIVATIONS:
        assert check_activations(name).bits == activation_quantizer(name).precision
        assert (name in BINARY_ACTIVATIONS) == (activation_quantizer(name).precision == 1)
    for name in (*BINARY_WEIGHTS, "dorefa-2", "dorefa-8", "fixed-1", "fixed-8", "twn", "ttq"):
        assert check_weights(name).bits == weight_quantizer(name).precision
    assert tuple(BOUNDING_FUNCTIONS) == BOUNDINGS


@pytest.mark.parametrize(
    "name", ["", "BNN", "dorefa", "dorefa-0", "dorefa-9", "dorefa-2-clip", "hwgq-2"]
)
def test_unknown_weight_quantizers(name: str) -> None:
    with pytest.raises(InputError, match="weights must be quantized by one of float, bnn"):
        weight_quantizer(name)


@pytest.mark.parametrize(
    "name", ["", "xnor-layer", "dorefa-2", "dorefa-9-clip", "dorefa-2-relu", "hwgq-5", "twn"]
)
def test_unknown_activation_quantizers(name: str) -> None:
    with pytest.raises(InputError, match="activations must be quantized by one of float, bnn"):
        activation_quantizer(name)
