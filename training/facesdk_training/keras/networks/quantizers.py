"""Quantizers: functions to few values, with a gradient that makes them trainable.

Rounding and signs have a gradient of zero almost everywhere. A quantizer therefore defines one of
its own, the "straight-through" estimate. For a tensor x of n elements:

============================  =============================================  =================
name                          value                                          gradient
============================  =============================================  =================
``bnn``                       sign(x)                                        1 if |x| <= 1
``bi-real``                   sign(x)                                        max(0, 2 - 2 |x|)
``xnor-layer`` (weights)      alpha sign(x), alpha = mean(|x|) of the layer  alpha if |x| <= 1
``xnor-filter`` (weights)     the same with an alpha an output channel       alpha if |x| <= 1
``xnor`` (activations)        beta sign(x), beta = mean(|x|) of the sample   beta if |x| <= 1
``dorefa-1`` (weights)        alpha sign(x), as ``xnor-layer``               1
``dorefa-K`` (weights)        2 q_K(tanh(x) / (2 max|tanh(x)|) + 1/2) - 1    tanh'(x) / max
``fixed-K`` (weights)         alpha Q, one alpha an output channel           1
``dorefa-K-H`` (activations)  q_K(h(x)) with h of :data:`BOUNDINGS`          h'(x)
============================  =============================================  =================

with sign(0) = 1 and q_K(x) = round((2^K - 1) x) / (2^K - 1) for x in [0, 1], whose gradient is 1.
alpha, beta and the maximum are constants in the gradients. Elsewhere a gradient is 0. At K = 1
activations are binarized as ``xnor`` does. Q has the 2^K levels -1, -1 + 2^(1-K), ..., 1 - 2^(1-K),
or -1 and 1 at K = 1; alpha and Q minimise ||W - alpha Q||^2.

Sources: M. Courbariaux et al., "Binarized Neural Networks", 2016 (``bnn``); Z. Liu et al., "Bi-Real
Net", ECCV 2018 (``bi-real``); M. Rastegari et al., "XNOR-Net", ECCV 2016 (``xnor``); S. Zhou et
al., "DoReFa-Net", 2016 (``dorefa``); all as put together by G. Zhou et al., "Face Recognition
Method Based on Quantized Residual Convolutional Neural Networks", Computer Systems & Applications
27(8), 2018, formulas 1 to 5. ``fixed`` is that of patent application CN107480770A, 2017.

Where Larq has a quantizer, it is Larq's; the classes here are those it lacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import larq as lq
import tensorflow as tf

from facesdk.errors import InputError

keras = tf.keras

MAX_DOREFA_BITS = 8
"""Most bits of a DoReFa quantizer."""

MAX_FIXED_BITS = 8
"""Most bits of a fixed-point quantizer."""

_FIXED_ITERATIONS = 4
_CLIPPING_STARTS = (0.7, 0.5)

BOUNDINGS: Mapping[str, Callable[[tf.Tensor], tf.Tensor]] = MappingProxyType(
    {
        "clip": lambda x: tf.clip_by_value(x, 0.0, 1.0),
        "tanh": lambda x: 0.5 * (tf.tanh(x) + 1.0),
        "abs": lambda x: tf.minimum(tf.abs(x), 1.0),
    }
)
"""The functions h of DoReFa-Net that bring an activation into [0, 1]."""

_REGISTERED = keras.utils.register_keras_serializable(package="facesdk")


def _mean_magnitude(x: tf.Tensor, axis: list[int] | None = None) -> tf.Tensor:
    return tf.stop_gradient(tf.reduce_mean(tf.abs(x), axis=axis, keepdims=axis is not None))


@_REGISTERED
class PolynomialSign(lq.quantizers.Quantizer):
    """sign(x) with Bi-Real Net's gradient 2 - 2|x| for |x| < 1 and 0 elsewhere.

    The same function as `larq.quantizers.ApproxSign` in half the passes over memory.
    """

    precision = 1

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """-1 where the input is negative, else +1; same shape and dtype."""

        @tf.custom_gradient
        def quantize(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            return lq.math.sign(x), lambda upstream: upstream * tf.nn.relu(2.0 - 2.0 * tf.abs(x))

        return super().call(quantize(inputs))


@_REGISTERED
class LayerMagnitudeSign(lq.quantizers.Quantizer):
    """alpha sign(W) with one alpha = mean|W| for the whole layer; gradient alpha for |W| <= 1.

    (alpha, sign(W)) is the least-squares approximation of W by a scaled sign: XNOR-Net, section
    3.1, with one scale a layer as the paper of FaceResNet has it. `larq.quantizers.
    MagnitudeAwareSign` is the same with a scale for each filter. Like Larq's, the gradient leaves
    out XNOR-Net's small term 1/n, which comes from alpha.
    """

    precision = 1

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """+-alpha, in the shape and dtype of the input."""
        return super().call(_mean_magnitude(inputs) * lq.quantizers.ste_sign(inputs))


@_REGISTERED
class SampleMagnitudeSign(lq.quantizers.Quantizer):
    """beta sign(X) with beta = mean|X| of each sample of a batch; gradient beta for |X| <= 1.

    The input side of XNOR-Net as the paper of FaceResNet has it: one beta for the input of a layer,
    where XNOR-Net has one for each position of a filter. Larq Compute Engine has no operator for
    it; batch normalisation behind the convolution makes it almost redundant.
    """

    precision = 1

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """+-beta, in the shape [N, ...] and dtype of the input."""
        beta = _mean_magnitude(inputs, axis=list(range(1, inputs.shape.rank)))
        return super().call(beta * lq.quantizers.ste_sign(inputs))


@_REGISTERED
class DoReFaSign(lq.quantizers.Quantizer):
    """alpha sign(W) with one alpha = mean|W| for the layer; gradient 1: DoReFa-Net at one bit.

    DoReFa-Net, formulas 5 and 6. Its formula for k bits would give sign(W) at k = 1; the scale
    keeps the layer's magnitude, so that a trained float network can be binarized in place.
    """

    precision = 1

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """+-alpha, in the shape and dtype of the input."""

        @tf.custom_gradient
        def quantize(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            return _mean_magnitude(x) * lq.math.sign(x), lambda upstream: upstream

        return super().call(quantize(inputs))


@_REGISTERED
class BoundedDoReFa(lq.quantizers.DoReFa):
    """q_k(h(x)) with a choice of h: DoReFa-Net's activations; the gradient is that of h.

    `larq.quantizers.DoReFa` has h = clip only; its rounding is used here.
    """

    def __init__(self, k_bit: int, bounding: str, **kwargs: object) -> None:
        """Takes the bits and the name of h, one of :data:`BOUNDINGS`."""
        self.bounding = bounding
        super().__init__(k_bit=k_bit, mode=kwargs.pop("mode", "activations"), **kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """One of 2^k levels from 0 to 1, in the shape and dtype of the input."""
        return super().call(BOUNDINGS[self.bounding](inputs))

    def get_config(self) -> dict[str, object]:
        """What the constructor takes."""
        return {**super().get_config(), "bounding": self.bounding}


@_REGISTERED
class FixedPointWeights(lq.quantizers.Quantizer):
    """alpha Q with 2^k levels a power of two apart and an alpha a filter; gradient 1.

    Patent application CN107480770A, paragraphs 52 and 69: Q = quantize(W / alpha) and alpha =
    (W . Q) / (Q . Q) in turns. A few turns from several alphas, of which the best is kept;
    `facesdk convert fixed-point` finds the same levels again in the trained weights.

    Args:
        k_bit: The k, 1 to :data:`MAX_FIXED_BITS`.
    """

    def __init__(self, k_bit: int, **kwargs: object) -> None:
        self.precision = k_bit
        super().__init__(**kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The levels, in the shape and dtype of the weights; the last axis counts the filters."""

        @tf.custom_gradient
        def quantize(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            return self._nearest(x), lambda upstream: upstream

        return super().call(quantize(inputs))

    def get_config(self) -> dict[str, object]:
        """What the constructor takes."""
        return {**super().get_config(), "k_bit": self.precision}

    def _nearest(self, weights: tf.Tensor) -> tf.Tensor:
        axes = list(range(weights.shape.rank - 1))
        largest = tf.reduce_max(tf.abs(weights), axis=axes)
        best = tf.zeros_like(weights)
        least = tf.fill(tf.shape(largest), tf.constant(float("inf"), weights.dtype))
        for start in self._starts():
            step = largest * start
            for _ in range(_FIXED_ITERATIONS):
                codes = self._codes(tf.math.divide_no_nan(weights, step))
                products = tf.reduce_sum(weights * codes, axis=axes)
                found = tf.math.divide_no_nan(products, tf.reduce_sum(codes**2, axis=axes))
                step = tf.where(found > 0, found, step)
            values = self._codes(tf.math.divide_no_nan(weights, step)) * step
            error = tf.reduce_sum(tf.square(weights - values), axis=axes)
            best = tf.where(error < least, values, best)
            least = tf.minimum(error, least)
        return best

    def _codes(self, multiples: tf.Tensor) -> tf.Tensor:
        if self.precision == 1:
            return lq.math.sign(multiples)
        half = 2.0 ** (self.precision - 1)
        return tf.clip_by_value(tf.round(multiples), -half, half - 1)

    def _starts(self) -> list[float]:
        """Steps to begin with, as shares of a filter's largest weight."""
        if self.precision == 1:
            return [1.0]
        half = 2 ** (self.precision - 1)
        clipping = _CLIPPING_STARTS if self.precision <= 4 else ()
        return [1 / half, 1 / (half - 1), *(share / (half - 1) for share in clipping)]


_WEIGHTS: Mapping[str, Callable[[], lq.quantizers.Quantizer]] = MappingProxyType(
    {
        "bnn": lq.quantizers.SteSign,
        "bi-real": PolynomialSign,
        "xnor-layer": LayerMagnitudeSign,
        "xnor-filter": lq.quantizers.MagnitudeAwareSign,
        "dorefa-1": DoReFaSign,
    }
)
_ACTIVATIONS: Mapping[str, Callable[[], lq.quantizers.Quantizer]] = MappingProxyType(
    {
        "bnn": lq.quantizers.SteSign,
        "bi-real": PolynomialSign,
        "xnor": SampleMagnitudeSign,
        "dorefa-1": SampleMagnitudeSign,
    }
)

FLOAT = "float"
"""Name of the absence of a quantizer."""

BINARY_ACTIVATIONS = frozenset(_ACTIVATIONS)
"""Names of activation quantizers with two values."""


def weight_quantizer(name: str) -> lq.quantizers.Quantizer | None:
    """The quantizer of a layer's weights.

    Args:
        name: ``float`` or a name of the table above, for example ``xnor-filter`` or ``dorefa-3``.

    Returns:
        A new quantizer; its ``precision`` is the number of bits. None for ``float``.

    Raises:
        InputError: There is no such quantizer.
    """
    if name == FLOAT:
        return None
    if name in _WEIGHTS:
        return _WEIGHTS[name]()
    if match := re.fullmatch(rf"dorefa-([2-{MAX_DOREFA_BITS}])", name):
        return lq.quantizers.DoReFa(k_bit=int(match[1]), mode="weights")
    if match := re.fullmatch(rf"fixed-([1-{MAX_FIXED_BITS}])", name):
        return FixedPointWeights(int(match[1]))
    raise InputError(
        f"weights must be quantized by one of {FLOAT}, {', '.join(_WEIGHTS)} to "
        f"dorefa-{MAX_DOREFA_BITS}, fixed-1 to fixed-{MAX_FIXED_BITS}, but got {name!r}"
    )


def activation_quantizer(name: str) -> lq.quantizers.Quantizer | None:
    """The quantizer of a layer's input.

    Args:
        name: ``float`` or a name of the table above, for example ``bnn`` or ``dorefa-2-tanh``.

    Returns:
        A new quantizer; its ``precision`` is the number of bits. None for ``float``.

    Raises:
        InputError: There is no such quantizer.
    """
    if name == FLOAT:
        return None
    if name in _ACTIVATIONS:
        return _ACTIVATIONS[name]()
    if match := re.fullmatch(rf"dorefa-([2-{MAX_DOREFA_BITS}])-({'|'.join(BOUNDINGS)})", name):
        bits, bounding = int(match[1]), match[2]
        if bounding == "clip":
            return lq.quantizers.DoReFa(k_bit=bits)
        return BoundedDoReFa(bits, bounding)
    raise InputError(
        f"activations must be quantized by one of {FLOAT}, {', '.join(_ACTIVATIONS)}, or dorefa-K-H"
        f" with K from 2 to {MAX_DOREFA_BITS} and H one of {', '.join(BOUNDINGS)}, but got {name!r}"
    )
