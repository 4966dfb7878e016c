"""What a network costs: weights, multiply-adds, bytes moved; and the paper's table 3.

All figures are counted on a built Keras model, none is looked up.

Two ways to count are kept apart:

* **A layer's cost** is counted as it runs, as often as it runs: multiply-adds at the size of a
  convolution's output, and the bytes of input, weights and output. Batch normalisation,
  activations and signs are taken as folded into the layer before them, so an output that only signs
  read counts one bit per value. Arithmetic intensity is multiply-adds per byte (S. Williams et al.,
  "Roofline", CACM 52(4), 2009).
* **The paper's figures** (G. Zhou et al., 2018, table 3) count only the kernels of convolutions and
  dense layers as parameters; a convolution's multiply-adds at the size of its *input*; everything
  but Fc6 in FLOPs and efficiency; and half of the FLOPs where weights have one bit and activations
  are float, because a sign change replaces a multiplication. The paper halves the whole network, so
  do we; without Conv1a, which stays float, Q would have 2.124e9 FLOPs and an efficiency of 1.04.
  With one-bit activations too, a layer counts a 64th: 64 products per instruction (M. Rastegari et
  al., "XNOR-Net", ECCV 2016, section 3.2). Other bit-widths count in full.

  The paper's overall compression of Q, 3.81, comes out if Fc6 is rounded to 1.0e7 weights; it has
  10,828,800, which gives 3.55.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import larq as lq
import tensorflow as tf

from facesdk_training.architectures.quantizer_names import FLOAT_BITS

keras = tf.keras

CLASSIFIER = "fc6"

_KERNELS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
_POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
_MOVERS = (*_KERNELS, *_POOLS, keras.layers.Add)


@dataclass(frozen=True, slots=True)
class LayerCost:
    """One layer of a network, for one image.

    Attributes:
        name: Its name.
        kind: Class of the layer, for example "QuantConv2D".
        input_shape: (height, width, channels) of its input, or (length,).
        output_shape: The same of its output.
        kernel: Shape of its kernel; () where it has none.
        weights: Numbers in the kernel.
        weight_bits: Bits of each.
        input_bits: Bits of an input value.
        output_bits: Bits of an output value.
        multiply_adds: Products summed in all calls, at the size of the output.
        input_multiply_adds: The same at the size of the input, as the paper counts convolutions;
            a stride divides it.
        inputs: Number of inputs of a call, all of ``input_shape``.
        calls: How often the network runs it, with the same kernel: twice for one that the two
            thresholds of a channel share.
    """

    name: str
    kind: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    kernel: tuple[int, ...]
    weights: int
    weight_bits: int
    input_bits: int
    output_bits: int
    multiply_adds: int
    input_multiply_adds: int
    inputs: int
    calls: int

    @property
    def precision(self) -> str:
        """Bits of weights x bits of activations, for example "1x32"."""
        return f"{self.weight_bits}x{self.input_bits}"

    @property
    def weight_bytes(self) -> int:
        """Bytes of the packed kernel."""
        return _bytes(self.weights, self.weight_bits)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all inputs and the output of a call."""
        read = self.inputs * _bytes(math.prod(self.input_shape), self.input_bits)
        return read + _bytes(math.prod(self.output_shape), self.output_bits)

    @property
    def bytes_moved(self) -> int:
        """Bytes of all inputs, the kernel and the output, in all calls."""
        return self.calls * (self.activation_bytes + self.weight_bytes)

    @property
    def arithmetic_intensity(self) -> float:
        """Multiply-adds per byte moved."""
        return self.multiply_adds / self.bytes_moved

    def to_dict(self) -> dict[str, Any]:
        """All figures, derived ones included."""
        return {
            **asdict(self),
            "bytes_moved": self.bytes_moved,
            "arithmetic_intensity": round(self.arithmetic_intensity, 3),
        }


@dataclass(frozen=True, slots=True)
class Complexity:
    """A network's costs.

    Attributes:
        layers: Its layers that move data, in order.
        other_parameters: Numbers that are no kernel: biases, batch normalisation, slopes, shifts.
    """

    layers: tuple[LayerCost, ...]
    other_parameters: int

    @property
    def parameters(self) -> int:
        """Weights of all kernels, as the paper counts: no bias, no batch normalisation."""
        return sum(layer.weights for layer in self.layers)

    @property
    def flops(self) -> int:
        """Multiply-adds by the paper's rule, Fc6 left out."""
        layers = [layer for layer in self.layers if layer.name != CLASSIFIER]
        total = sum(
            layer.input_multiply_adds // (64 if layer.precision == "1x1" else 1) for layer in layers
        )
        return total // 2 if any(layer.precision == "1x32" for layer in layers) else total

    @property
    def bits(self) -> int:
        """Bits of all kernels."""
        return sum(layer.weights * layer.weight_bits for layer in self.layers)

    @property
    def bits_without_classifier(self) -> int:
        """Bits of all kernels but Fc6's."""
        return sum(
            layer.weights * layer.weight_bits for layer in self.layers if layer.name != CLASSIFIER
        )

    @property
    def multiply_adds(self) -> Mapping[str, int]:
        """Products summed by precision (see :attr:`LayerCost.precision`), Fc6 included."""
        counts: Counter[str] = Counter()
        for layer in self.layers:
            if layer.multiply_adds:
                counts[layer.precision] += layer.multiply_adds
        return dict(counts)

    @property
    def bytes_moved(self) -> int:
        """Bytes that all layers move for one image."""
        return sum(layer.bytes_moved for layer in self.layers)


def measure(model: keras.Model) -> Complexity:
    """Counts a built model.

    Args:
        model: A Keras model of one input, with fixed height and width.
    """
    layers = tuple(_cost(layer) for layer in model.layers if isinstance(layer, _MOVERS))
    return Complexity(layers, model.count_params() - sum(layer.weights for layer in layers))


def _cost(layer: keras.layers.Layer) -> LayerCost:
    shapes = layer.input_shape if isinstance(layer.input_shape, list) else [layer.input_shape]
    source, target = tuple(shapes[0][1:]), tuple(layer.output_shape[1:])
    calls = len(layer.inbound_nodes)
    kernel: tuple[int, ...] = ()
    at_output = at_input = 0
    if isinstance(layer, _KERNELS):
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        kernel = tuple((layer.depthwise_kernel if depthwise else layer.kernel).shape.as_list())
        weights, pixels = math.prod(kernel), math.prod(target[:-1])
        at_output = weights * pixels
        dense = pixels == 1  # a convolution over all that is left of the image, as Fc5 is
        strides = () if dense else layer.strides
        at_input = weights * math.prod(map(_divided_up, source[:-1], strides))
    return LayerCost(
        name=layer.name,
        kind=type(layer).__name__,
        input_shape=source,
        output_shape=target,
        kernel=kernel,
        weights=math.prod(kernel) if kernel else 0,
        weight_bits=_bits(getattr(layer, "kernel_quantizer", None)),
        input_bits=_bits(getattr(layer, "input_quantizer", None)),
        output_bits=max(map(_read_bits, _consumers(layer)), default=FLOAT_BITS),
        multiply_adds=calls * at_output,
        input_multiply_adds=calls * at_input,
        inputs=len(shapes),
        calls=calls,
    )


def _bits(quantizer: lq.quantizers.Quantizer | None) -> int:
    return FLOAT_BITS if quantizer is None else int(quantizer.precision)


def _consumers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers that read a layer's output, after what is folded into it."""
    found = []
    for node in layer.outbound_nodes:
        reader = node.outbound_layer
        found += [reader] if isinstance(reader, _MOVERS) else _consumers(reader)
    return found


def _read_bits(layer: keras.layers.Layer) -> int:
    return _bits(getattr(layer, "input_quantizer", None))


def _bytes(count: int, bits: int) -> int:
    return _divided_up(count * bits, 8)


def _divided_up(number: int, divisor: int) -> int:
    return -(-number // divisor)
