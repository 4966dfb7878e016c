"""Quantizers: functions to few values, with a gradient that makes them trainable.

Rounding and signs have a gradient of zero almost everywhere. A quantizer therefore defines one of
its own, the "straight-through" estimate. For a tensor x of n elements:

============================  =============================================  =================
name                          value                                          gradient
============================  =============================================  =================
``bnn``                       sign(x)                                        1 if |x| <= 1
``bi-real``                   sign(x)                                        max(0, 2 - 2 |x|)
``xnor-layer`` (weights)      alpha sign(x), alpha = mean(|x|) of the layer  alpha if |x| <= 1
``xnor-filter`` (weights)     the same with an alpha per output channel      alpha if |x| <= 1
``xnor`` (activations)        beta sign(x), beta = mean(|x|) of the sample   beta if |x| <= 1
``dorefa-1`` (weights)        alpha sign(x), as ``xnor-layer``               1
``dorefa-K`` (weights)        2 q_K(tanh(x) / (2 max|tanh(x)|) + 1/2) - 1    tanh'(x) / max
``fixed-K`` (weights)         alpha Q, one alpha per output channel          1
``twn`` (weights)             a t(x), t(x) 0 if |x| <= 0.7 mean(|x|)         1
``ttq`` (weights)             Wp, 0 or -Wn, |x| <= 0.05 max(|x|) the 0       Wp, 1 or Wn
``dorefa-K-H`` (activations)  q_K(h(x)) with h clip, tanh or abs             h'(x)
``hwgq-K`` (activations)      0 if x <= 0, else D times 1 to 2^K - 1         1 if 0 < x <= top
============================  =============================================  =================

with sign(0) = 1 and q_K(x) = round((2^K - 1) x) / (2^K - 1) for x in [0, 1], whose gradient is 1.
alpha, beta and the maximum are constants in the gradients. Elsewhere a gradient is 0. At K = 1
activations are binarized as ``xnor`` does. Q has the 2^K levels -1, -1 + 2^(1-K), ..., 1 - 2^(1-K),
or -1 and 1 at K = 1; alpha and Q minimise ||W - alpha Q||^2. t(x) is else the sign of x, and a the
mean of |x| over a filter's weights that are not 0; Wp and Wn are trained, one each per layer. D is
the step that is best for a standard normal distribution, top its largest multiple.

Sources: M. Courbariaux et al., "Binarized Neural Networks", 2016 (``bnn``); Z. Liu et al., "Bi-Real
Net", ECCV 2018 (``bi-real``); M. Rastegari et al., "XNOR-Net", ECCV 2016 (``xnor``); S. Zhou et
al., "DoReFa-Net", 2016 (``dorefa``); all as put together by G. Zhou et al., "Face Recognition
Method Based on Quantized Residual Convolutional Neural Networks", Computer Systems & Applications
27(8), 2018, formulas 1 to 5. ``fixed`` is that of patent application CN107480770A, 2017. F. Li, B.
Zhang and B. Liu, "Ternary Weight Networks", 2016 (``twn``); C. Zhu et al., "Trained Ternary
Quantization", ICLR 2017 (``ttq``); Z. Cai et al., "Deep Learning with Low Precision by Half-wave
Gaussian Quantization", CVPR 2017 (``hwgq``).

Where Larq has a quantizer, it is Larq's; the classes here are those it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import larq as lq
import tensorflow as tf

from facesdk_training.architectures.quantizer_names import (
    FLOAT,
    Quantization,
    check_activations,
    check_weights,
)

keras = tf.keras

_FIXED_ITERATIONS = 4
_CLIPPING_STARTS = (0.7, 0.5)

TWN_THRESHOLD = 0.7
"""TWN: share of a filter's mean magnitude up to which a weight is 0."""

TTQ_THRESHOLD = 0.05
"""TTQ: share of a layer's largest magnitude up to which a weight is 0."""

HWGQ_STEPS: Mapping[int, float] = MappingProxyType({2: 0.53881, 3: 0.32172, 4: 0.18424})
"""HWGQ: the best step for a standard normal distribution, by bits; 0.538 in the paper for 2."""

BOUNDING_FUNCTIONS: Mapping[str, Callable[[tf.Tensor], tf.Tensor]] = MappingProxyType(
    {
        "clip": lambda x: tf.clip_by_value(x, 0.0, 1.0),
        "tanh": lambda x: 0.5 * (tf.tanh(x) + 1.0),
        "abs": lambda x: tf.minimum(tf.abs(x), 1.0),
    }
)
"""The functions h of DoReFa-Net that bring an activation into [0, 1], by the names in
:data:`facesdk_training.architectures.quantizer_names.BOUNDINGS`."""

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
    3.1, with one scale per layer as the paper of FaceResNet has it. `larq.quantizers.
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
    it; batch normalisation after the convolution makes it almost redundant.
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
        """Takes the bits and the name of h, a key of :data:`BOUNDING_FUNCTIONS`."""
        self.bounding = bounding
        super().__init__(k_bit=k_bit, mode=kwargs.pop("mode", "activations"), **kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """One of 2^k levels from 0 to 1, in the shape and dtype of the input."""
        return super().call(BOUNDING_FUNCTIONS[self.bounding](inputs))

    def get_config(self) -> dict[str, object]:
        """What the constructor takes."""
        return {**super().get_config(), "bounding": self.bounding}


@_REGISTERED
class FixedPointWeights(lq.quantizers.Quantizer):
    """alpha Q with 2^k levels a power of two apart and an alpha per filter; gradient 1.

    Patent application CN107480770A, paragraphs 52 and 69: Q = quantize(W / alpha) and alpha =
    (W . Q) / (Q . Q) in turns. A few turns from several alphas, of which the best is kept;
    `facesdk convert fixed-point` finds the same levels again in the trained weights.

    Args:
        k_bit: The k, 1 to 8.
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


@_REGISTERED
class TernaryWeights(lq.quantizers.Quantizer):
    """a t(W): TWN with a scale per filter; gradient 1.

    t is 0 where |W| <= d = 0.7 mean|W|, else the sign, and a the mean of |W| where t is not 0. For
    given t this a minimises ||W - a t||^2, and d comes near the best threshold for weights that are
    normal or uniform (Li et al., equations 5 and 6). A filter of equal magnitudes has no zeros.
    """

    precision = 2

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """-a, 0 or a, in the shape and dtype of the weights; the last axis counts the filters."""

        @tf.custom_gradient
        def quantize(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            axes = list(range(x.shape.rank - 1))
            magnitudes = tf.abs(x)
            threshold = TWN_THRESHOLD * tf.reduce_mean(magnitudes, axis=axes, keepdims=True)
            kept = tf.cast(magnitudes > threshold, x.dtype)
            sums = tf.reduce_sum(kept * magnitudes, axis=axes, keepdims=True)
            scale = tf.math.divide_no_nan(sums, tf.reduce_sum(kept, axis=axes, keepdims=True))
            return scale * kept * tf.sign(x), lambda upstream: upstream

        return super().call(quantize(inputs))


@_REGISTERED
class TrainedTernaryWeights(lq.quantizers.Quantizer):
    """Wp, 0 or -Wn with two trained scales per layer: TTQ.

    Weights of |W| <= 0.05 max|W| become 0. The gradient of Wp is the sum of the gradients of the
    weights that are Wp, that of Wn minus the sum for -Wn; a latent weight gets its own gradient
    times Wp, 1 or Wn (Zhu et al., equations 7 and 8). The scales begin at the spread that "he
    normal" gives the weights, sqrt(2 / inputs); :meth:`fit` takes them from trained weights.
    """

    precision = 2

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates Wp and Wn."""
        inputs = max(1, int(tf.TensorShape(input_shape)[:-1].num_elements()))
        start = keras.initializers.Constant((2.0 / inputs) ** 0.5)
        self.positive = self.add_weight("positive", shape=(), initializer=start)
        self.negative = self.add_weight("negative", shape=(), initializer=start)
        super().build(input_shape)

    def fit(self, kernel: tf.Tensor) -> None:
        """Sets Wp and Wn to the mean magnitudes of the weights that become them."""
        threshold = TTQ_THRESHOLD * tf.reduce_max(tf.abs(kernel))
        for scale, chosen in (
            (self.positive, kernel > threshold),
            (self.negative, kernel < -threshold),
        ):
            found = tf.boolean_mask(tf.abs(kernel), chosen)
            if tf.size(found):
                scale.assign(tf.reduce_mean(found))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """-Wn, 0 or Wp, in the shape and dtype of the weights."""
        positive, negative = (tf.cast(w, inputs.dtype) for w in (self.positive, self.negative))

        @tf.custom_gradient
        def quantize(
            x: tf.Tensor, up: tf.Tensor, down: tf.Tensor
        ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, ...]]]:
            threshold = TTQ_THRESHOLD * tf.reduce_max(tf.abs(x))
            above, below = tf.cast(x > threshold, x.dtype), tf.cast(x < -threshold, x.dtype)

            def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
                factor = up * above + down * below + (1.0 - above - below)
                return (
                    upstream * factor,
                    tf.reduce_sum(upstream * above),
                    -tf.reduce_sum(upstream * below),
                )

            return up * above - down * below, gradients

        return super().call(quantize(inputs, positive, negative))


@_REGISTERED
class HalfWaveGaussian(lq.quantizers.Quantizer):
    """0 for x <= 0, else the nearest of D, 2 D, ..., (2^k - 1) D: HWGQ-Net's activations.

    Equal steps D, chosen so that the squared error is least for x of a standard normal
    distribution, which is what batch normalisation gives nearly (Cai et al., equation 11). The
    gradient is that of the clipped ReLU: 1 from 0 to the largest level, else 0 (equation 15).

    Args:
        k_bit: The k, 2 to 4.
    """

    def __init__(self, k_bit: int, **kwargs: object) -> None:
        self.precision = k_bit
        super().__init__(**kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """One of 2^k levels, in the shape and dtype of the input."""
        step, most = HWGQ_STEPS[self.precision], 2.0**self.precision - 1

        @tf.custom_gradient
        def quantize(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            above = tf.cast(x > 0, x.dtype)
            inside = above * tf.cast(x <= step * most, x.dtype)
            levels = tf.clip_by_value(tf.round(x / step), 1.0, most)
            return step * above * levels, lambda upstream: upstream * inside

        return super().call(quantize(inputs))

    def get_config(self) -> dict[str, object]:
        """What the constructor takes."""
        return {**super().get_config(), "k_bit": self.precision}


_WEIGHTS: Mapping[str, Callable[[Quantization], lq.quantizers.Quantizer]] = MappingProxyType(
    {
        "bnn": lambda name: lq.quantizers.SteSign(),
        "bi-real": lambda name: PolynomialSign(),
        "xnor-layer": lambda name: LayerMagnitudeSign(),
        "xnor-filter": lambda name: lq.quantizers.MagnitudeAwareSign(),
        "dorefa": lambda name: (
            DoReFaSign()
            if name.bits == 1
            else lq.quantizers.DoReFa(k_bit=name.bits, mode="weights")
        ),
        "fixed": lambda name: FixedPointWeights(name.bits),
        "twn": lambda name: TernaryWeights(),
        "ttq": lambda name: TrainedTernaryWeights(),
    }
)


def _bounded(name: Quantization) -> lq.quantizers.Quantizer:
    if name.bits == 1:
        return SampleMagnitudeSign()
    if name.bounding == "clip":
        return lq.quantizers.DoReFa(k_bit=name.bits)
    return BoundedDoReFa(name.bits, name.bounding)


_ACTIVATIONS: Mapping[str, Callable[[Quantization], lq.quantizers.Quantizer]] = MappingProxyType(
    {
        "bnn": lambda name: lq.quantizers.SteSign(),
        "bi-real": lambda name: PolynomialSign(),
        "xnor": lambda name: SampleMagnitudeSign(),
        "dorefa": _bounded,
        "hwgq": lambda name: HalfWaveGaussian(name.bits),
    }
)


def weight_quantizer(name: str) -> lq.quantizers.Quantizer | None:
    """The quantizer of a layer's weights.

    Args:
        name: ``float`` or a name of the table above, for example ``xnor-filter`` or ``dorefa-3``.

    Returns:
        A new quantizer; its ``precision`` is the number of bits. None for ``float``.

    Raises:
        InputError: There is no such quantizer.
    """
    asked = check_weights(name)
    return None if asked.family == FLOAT else _WEIGHTS[asked.family](asked)


def activation_quantizer(name: str) -> lq.quantizers.Quantizer | None:
    """The quantizer of a layer's input.

    Args:
        name: ``float`` or a name of the table above, for example ``bnn`` or ``dorefa-2-tanh``.

    Returns:
        A new quantizer; its ``precision`` is the number of bits. None for ``float``.

    Raises:
        InputError: There is no such quantizer.
    """
    asked = check_activations(name)
    return None if asked.family == FLOAT else _ACTIVATIONS[asked.family](asked)
