"""A Keras network on its way, as a PyTorch network with the same layers, weights and quantizers.

Any functional network of the layers that facesdk's networks and methods are made of, however many
channels have left and whatever stands in the place of a kernel; other layers are refused by name.
Activations are [N, C, H, W] there. A test compares the two, layer kind by layer kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesdk.errors import InputError
from facesdk_training.compression.frame.forms import Form, Scaled, Shared
from facesdk_training.keras.networks import layers as own
from facesdk_training.keras.networks import quantizers as known
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import hdf5
from facesdk_training.torch.networks import quantizers
from facesdk_training.torch.networks.layers import ChannelShift, Convolution, Dense, PReLU
from facesdk_training.torch.networks.network import Network
from facesdk_training.torch.weights import set_keras_weights

keras = tf.keras
Layer = tf.keras.layers.Layer


class TranslatedNetwork(Network):
    """The layers of a Keras network, run in its order; see :func:`translated`."""

    def __init__(self, model: keras.Model) -> None:
        """Makes the layers, with fresh weights.

        Raises:
            InputError: A layer is of a kind, or has settings, that have no counterpart here.
        """
        super().__init__()
        self._begin = model.inputs[0].node.layer.name
        self._end = model.outputs[0].node.layer.name
        self._sources: dict[str, list[str]] = {}
        self.parts = nn.ModuleDict()
        for layer in model.layers:
            if isinstance(layer, keras.layers.InputLayer):
                continue
            nodes = layer.inbound_nodes
            if len(nodes) != 1:
                raise InputError(f"layer {layer.name} is used {len(nodes)} times, not once")
            self._sources[layer.name] = [t.node.layer.name for t in nodes[0].keras_inputs]
            part = _part(layer)
            self.parts[layer.name] = self.named(layer.name, part) if layer.weights else part

    def forward(self, x: Tensor) -> Tensor:
        """Float [N, 3, height, width] to [N, embedding length]."""
        return self._outputs(x)[self._end]

    def looked_at(self, x: Tensor, names: Sequence[str]) -> tuple[Tensor, list[Tensor]]:
        """See :class:`~facesdk_training.torch.networks.network.Network`."""
        for name in names:
            if name not in self._sources:
                raise InputError(
                    f"loss.layers: there is no layer {name!r}; there are {', '.join(self._sources)}"
                )
        found = self._outputs(x)
        return found[self._end], [found[name] for name in names]

    def _outputs(self, x: Tensor) -> dict[str, Tensor]:
        """The output of each layer, by its name."""
        found = {self._begin: x}
        for name, sources in self._sources.items():
            given = [found[source] for source in sources]
            found[name] = self.parts[name](given if len(given) > 1 else given[0])
        return found

    def blocks(self) -> list[nn.Module]:
        """None: no part is repeated as one module."""
        return []


def translated(model: keras.Model) -> TranslatedNetwork:
    """A PyTorch network that computes what a Keras network computes.

    Args:
        model: Functional, from crops to embeddings; kernels may have quantizers.

    Raises:
        InputError: As of :class:`TranslatedNetwork`.
    """
    network = TranslatedNetwork(model)
    weights = {name: _own_weights(model.get_layer(name)) for name in network.layers}
    set_keras_weights(network, weights, model.name)
    return network


def take_back(model: keras.Model, run: Path) -> None:
    """Gives a Keras network the weights that its translation was trained to.

    Args:
        model: What :func:`translated` was given; changed in place.
        run: The folder of the run.
    """
    trained = hdf5.read_weights((run / run_folder.WEIGHTS).read_bytes())
    for name, arrays in trained.items():
        layer = model.get_layer(name)
        layer.set_weights([*arrays, *layer.get_weights()[len(arrays) :]])


def _own_weights(layer: Layer) -> list[NDArray[np.float32]]:
    """What is trained of a layer, and statistics; what says how a kernel is made stays behind."""
    count = len(layer.weights)
    quantizer = getattr(layer, "kernel_quantizer", None)
    if quantizer is not None:
        count -= len(quantizer.non_trainable_weights)
    return list(layer.get_weights()[:count])


class _ScaledKernel(nn.Module):
    def __init__(self, form: Scaled, order: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("factor", _tensor(form.factor, order))
        self.register_buffer("offset", _tensor(form.offset, order))

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = x * self.factor + self.offset
        return value


class _SharedKernel(nn.Module):
    index: Tensor
    signs: Tensor
    trained: Tensor

    def __init__(self, form: Shared, order: tuple[int, ...]) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.from_numpy(np.array(form.numbers)))
        self.register_buffer("index", _tensor(form.index, order).long())
        self.register_buffer("signs", _tensor(form.signs, order))
        self.register_buffer("trained", torch.from_numpy(np.array(form.trained)))

    def forward(self, x: Tensor) -> Tensor:
        fixed = self.numbers.detach() * (1 - self.trained)
        return (self.numbers * self.trained + fixed)[self.index] * self.signs + 0.0 * x


class _Sum(nn.Module):
    def forward(self, x: Sequence[Tensor]) -> Tensor:
        return torch.stack(tuple(x)).sum(0) if len(x) > 2 else x[0] + x[1]


class _Side(nn.Module):
    def forward(self, x: Sequence[Tensor]) -> Tensor:
        return torch.cat(tuple(x), 1)


class _Flat(nn.Module):
    """Rows, columns, channels: the order in which Keras counts."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x


class _Group(nn.Module):
    def __init__(self, number: int, groups: int) -> None:
        super().__init__()
        self._number, self._groups = number, groups

    def forward(self, x: Tensor) -> Tensor:
        return x.chunk(self._groups, 1)[self._number]


def _tensor(values: NDArray[Any], order: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.asarray(values).transpose(order)))


def _part(layer: Layer) -> nn.Module:
    make = _PARTS.get(type(layer))
    if make is None:
        raise InputError(
            f'the training engine "torch" has no layer like {layer.name} '
            f"({type(layer).__name__}): use --engine keras"
        )
    return make(layer)


def _require(layer: Layer, *, plain: bool) -> None:
    if not plain:
        raise InputError(
            f'the training engine "torch" has no {type(layer).__name__} with the settings of '
            f"{layer.name}: use --engine keras"
        )


def _linear(layer: Layer) -> bool:
    return layer.activation is keras.activations.linear


def _quantizer(layer: Layer, order: tuple[int, ...]) -> nn.Module | None:
    quantizer = getattr(layer, "kernel_quantizer", None)
    if quantizer is None:
        return None
    if hasattr(quantizer, "form"):
        form: Form = quantizer.form()
        return (
            _ScaledKernel(form, order) if isinstance(form, Scaled) else _SharedKernel(form, order)
        )
    if type(quantizer) is known.FixedPointWeights:
        return quantizers.FixedPointWeights(quantizer.precision)
    if type(quantizer) is known.TernaryWeights:
        return quantizers.TernaryWeights()
    if type(quantizer) is known.TrainedTernaryWeights:
        return quantizers.TrainedTernaryWeights(int(np.prod(layer.kernel.shape[:-1])))
    raise InputError(
        f'the training engine "torch" has no {type(quantizer).__name__} of layer {layer.name} '
        "here: use --engine keras"
    )


def _convolution(layer: Layer) -> nn.Module:
    plain = _linear(layer) and layer.groups == 1 and layer.dilation_rate == (1, 1)
    _require(layer, plain=plain and layer.padding in ("same", "valid"))
    _require(layer, plain=getattr(layer, "input_quantizer", None) is None)
    _require(layer, plain=layer.data_format == "channels_last")
    return Convolution(
        int(layer.kernel.shape[2]),
        layer.filters,
        layer.kernel_size,
        stride=layer.strides,
        same=layer.padding == "same",
        bias=layer.use_bias,
        pad_value=float(getattr(layer, "pad_values", 0.0)),
        kernel_quantizer=_quantizer(layer, (3, 2, 0, 1)),
        latent=False,
    )


def _depthwise(layer: Layer) -> nn.Module:
    plain = _linear(layer) and layer.depth_multiplier == 1 and layer.dilation_rate == (1, 1)
    _require(layer, plain=plain and layer.data_format == "channels_last")
    channels = int(layer.depthwise_kernel.shape[2])
    return Convolution(
        channels,
        channels,
        layer.kernel_size,
        stride=layer.strides,
        same=layer.padding == "same",
        depthwise=True,
        bias=layer.use_bias,
    )


def _dense(layer: Layer) -> nn.Module:
    _require(layer, plain=_linear(layer) and getattr(layer, "input_quantizer", None) is None)
    return Dense(
        int(layer.kernel.shape[0]),
        layer.units,
        bias=layer.use_bias,
        kernel_quantizer=_quantizer(layer, (1, 0)),
    )


def _normalisation(layer: Layer) -> nn.Module:
    images = len(layer.input_shape) == 4 and list(layer.axis) == [3]
    _require(layer, plain=images and layer.center and layer.scale)
    return nn.BatchNorm2d(
        layer.input_shape[-1], eps=layer.epsilon, momentum=1.0 - float(layer.momentum)
    )


def _prelu(layer: Layer) -> nn.Module:
    _require(layer, plain=tuple(layer.alpha.shape[:-1]) == (1, 1))
    return PReLU(int(layer.alpha.shape[-1]))


def _relu(layer: Layer) -> nn.Module:
    _require(layer, plain=not layer.negative_slope and not layer.threshold)
    return nn.ReLU() if layer.max_value is None else nn.Hardtanh(0.0, float(layer.max_value))


def _pool(layer: Layer, kind: Callable[..., nn.Module]) -> nn.Module:
    fits = layer.padding == "valid" or (
        layer.pool_size == layer.strides
        and all(
            side % size == 0
            for side, size in zip(layer.input_shape[1:3], layer.pool_size, strict=True)
        )
    )
    _require(layer, plain=fits)
    return kind(layer.pool_size, layer.strides)


_PARTS: Mapping[type, Callable[[Layer], nn.Module]] = MappingProxyType(
    {
        keras.layers.Conv2D: _convolution,
        lq.layers.QuantConv2D: _convolution,
        keras.layers.DepthwiseConv2D: _depthwise,
        keras.layers.Dense: _dense,
        lq.layers.QuantDense: _dense,
        keras.layers.BatchNormalization: _normalisation,
        keras.layers.PReLU: _prelu,
        keras.layers.ReLU: _relu,
        keras.layers.Add: lambda layer: _Sum(),
        keras.layers.Concatenate: lambda layer: _Side(),
        keras.layers.Flatten: lambda layer: _Flat(),
        keras.layers.MaxPooling2D: lambda layer: _pool(layer, nn.MaxPool2d),
        keras.layers.AveragePooling2D: lambda layer: _pool(layer, nn.AvgPool2d),
        own.ChannelShift: lambda layer: ChannelShift(int(layer.shift.shape[0])),
        own.ChannelGroup: lambda layer: _Group(layer.number, layer.groups),
        own.ChannelShuffle: lambda layer: nn.ChannelShuffle(layer.groups),
    }
)
