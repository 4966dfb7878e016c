"""Graph surgery: channels leave a network, with everything that belongs to them.

Channels are joined in groups. A convolution or dense layer begins a group; batch normalisation,
PReLU, pools, depthwise convolutions and flattening carry it on; an addition makes one group of the
two that it adds. Removing channel c of a group takes filter c of the layers that begin it,
parameter c of those that carry it, and row c of the kernels that read it. Where a removed channel
was 0 everywhere, the outputs stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk_training.keras.networks.layers import ChannelShift, ResumableDropout

keras = tf.keras

_CARRYING = (
    keras.layers.BatchNormalization,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Activation,
    keras.layers.Dropout,
    keras.layers.ZeroPadding2D,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    ChannelShift,
    ResumableDropout,
)


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that can only leave together.

    Attributes:
        name: The first layer that makes them.
        channels: How many there are.
        makers: All layers that make them: more than one where additions join their outputs.
        fixed: Whether they are the network's inputs or outputs, which stay as they are.
    """

    name: str
    channels: int
    makers: tuple[str, ...]
    fixed: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A kernel that reads a group's channels.

    Attributes:
        group: The name of the group.
        source: The layer whose output is read: the last that carries the group on. Its last
            dimension has the channels, repeated for each place of a map that was flattened.
        reader: The convolution or dense layer that reads it.
    """

    group: str
    source: str
    reader: str


def groups(model: keras.Model) -> list[Group]:
    """The groups of a functional network, from input to output.

    Raises:
        InputError: A layer has another effect on channels than those that are known, is quantized,
            or is used twice.
    """
    owner = _Flow.of(model).owner
    makers: dict[str, list[str]] = {}
    for layer in model.layers:
        if _makes(layer):
            makers.setdefault(owner[layer.name], []).append(layer.name)
    ends = {owner[tensor.node.layer.name] for tensor in (*model.inputs, *model.outputs)}
    return [
        Group(found[0], int(model.get_layer(found[0]).output_shape[-1]), tuple(found), root in ends)
        for root, found in makers.items()
    ]


@dataclass(frozen=True, slots=True)
class Route:
    """Which channels a layer with a kernel reads and makes, by the names of their groups.

    Attributes:
        reads: The group of its input; None for the network's input.
        makes: The group of its output: a depthwise kernel's is the one that it reads.
    """

    reads: str | None
    makes: str | None


def routes(model: keras.Model) -> dict[str, Route]:
    """The route of each convolution and dense layer, depthwise ones included, by its name.

    Raises:
        InputError: As of :func:`groups`.
    """
    owner = _Flow.of(model).owner
    named = {owner[group.name]: group.name for group in groups(model)}
    kernels = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    return {
        layer.name: Route(named.get(owner[_sources(layer)[0]]), named.get(owner[layer.name]))
        for layer in model.layers
        if isinstance(layer, kernels)
    }


def readings(model: keras.Model) -> list[Reading]:
    """Where the channels of groups are read, from input to output.

    Raises:
        InputError: As :func:`groups` does.
    """
    owner = _Flow.of(model).owner
    named = {owner[group.name]: group.name for group in groups(model)}
    read = [(_sources(layer)[0], layer.name) for layer in model.layers if _makes(layer)]
    return [
        Reading(named[owner[source]], source, reader)
        for source, reader in read
        if owner[source] in named
    ]


def without(model: keras.Model, kept: Mapping[str, Sequence[int]]) -> keras.Model:
    """A copy of a network with some of its channels only.

    Args:
        model: A functional float network; it is left as it is.
        kept: The channels that stay, by the name of the group; other groups stay whole.

    Raises:
        InputError: A group would lose all its channels, is fixed or unknown, or a channel does not
            exist.
    """
    flow = _Flow.of(model)
    chosen = {flow.owner[name]: array for name, array in _checked(groups(model), kept).items()}
    tensors: dict[str, Any] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            tensors[layer.name] = keras.Input(
                batch_shape=layer.input_shape[0], dtype=layer.dtype, name=layer.name
            )
            continue
        sources = _sources(layer)
        before, after = flow.kept(sources[0], chosen), flow.kept(layer.name, chosen)
        copy = type(layer).from_config(_settings(layer, len(after)))
        inputs = [tensors[name] for name in sources]
        tensors[layer.name] = copy(inputs if len(inputs) > 1 else inputs[0])
        copy.set_weights([_cut(layer, array, before, after) for array in layer.get_weights()])
    begin, end = (tensors[ends[0].node.layer.name] for ends in (model.inputs, model.outputs))
    return keras.Model(begin, end, name=model.name)


@dataclass(frozen=True, slots=True)
class _Flow:
    """Which group each layer's output belongs to, and how often it repeats the channels.

    Attributes:
        owner: The first layer of the group, by the name of the layer.
        width: The output's last dimension.
        places: How often a flattened output has each channel: once per place of the map.
    """

    owner: dict[str, str]
    width: dict[str, int]
    places: dict[str, int]

    @classmethod
    def of(cls, model: keras.Model) -> _Flow:
        found = cls({}, {}, {})
        for layer in model.layers:
            begins = isinstance(layer, keras.layers.InputLayer) or _makes(layer)
            sources = [] if isinstance(layer, keras.layers.InputLayer) else _sources(layer)
            shape = layer.output_shape[0] if not sources else layer.output_shape
            found.width[layer.name] = int(shape[-1])
            found.places[layer.name] = 1 if begins else found.places[sources[0]]
            found.owner[layer.name] = layer.name if begins else found.owner[sources[0]]
            if isinstance(layer, keras.layers.Flatten):
                found.places[layer.name] *= found.width[layer.name] // found.width[sources[0]]
            for name in sources[1:]:
                found._join(found.owner[name], found.owner[layer.name])
        return found

    def _join(self, one: str, other: str) -> None:
        """Makes one group of two, named after the one that begins first."""
        first, second = sorted((one, other), key=list(self.owner).index)
        self.owner.update({name: first for name, root in self.owner.items() if root == second})

    def kept(self, name: str, chosen: Mapping[str, NDArray[np.int64]]) -> NDArray[np.int64]:
        """The numbers of an output's last dimension that stay."""
        every = np.arange(self.width[name]).reshape(self.places[name], -1)
        indices = chosen.get(self.owner[name])
        return (every if indices is None else every[:, indices]).ravel()


def _makes(layer: keras.layers.Layer) -> bool:
    """Whether a layer's outputs are channels of its own."""
    whole = isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense))
    return whole and not isinstance(layer, keras.layers.DepthwiseConv2D)


def _sources(layer: keras.layers.Layer) -> list[str]:
    """The layers that a layer reads, once its kind is known to be one that channels can leave."""
    if len(layer.inbound_nodes) != 1:
        raise InputError(f"layer {layer.name} is used {len(layer.inbound_nodes)} times, not once")
    names = [tensor.node.layer.name for tensor in layer.inbound_nodes[0].keras_inputs]
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    known = _makes(layer) or depthwise or isinstance(layer, (*_CARRYING, keras.layers.Add))
    if not known and not isinstance(layer, keras.layers.Flatten):
        raise InputError(
            f"layer {layer.name} is a {type(layer).__name__}: channels cannot be removed through it"
        )
    if depthwise and layer.depth_multiplier != 1:
        raise InputError(f"layer {layer.name} makes several channels of one")
    if _makes(layer) and getattr(layer, "groups", 1) != 1:
        raise InputError(f"layer {layer.name} convolves in groups, so channels cannot leave alone")
    quantizers = [getattr(layer, f"{kind}_quantizer", None) for kind in ("input", "kernel")]
    if isinstance(layer, lq.layers.QuantConv2D) and any(quantizers):
        raise InputError(
            f"layer {layer.name} is quantized, so a channel of zeros is not nothing to it: prune "
            "the float network and quantize it then"
        )
    if isinstance(layer, keras.layers.Dense) and len(layer.input_shape) != 2:
        raise InputError(f"layer {layer.name} is dense over a map: flatten it first")
    return names


def _checked(
    found: Sequence[Group], kept: Mapping[str, Sequence[int]]
) -> dict[str, NDArray[np.int64]]:
    named = {group.name: group for group in found}
    chosen = {}
    for name, channels in kept.items():
        group = named.get(name)
        if group is None or group.fixed:
            free = ", ".join(each.name for each in found if not each.fixed)
            raise InputError(f"{name} begins no channels that can leave: choose among {free}")
        indices = np.unique(np.asarray(channels, np.int64))
        if not len(indices):
            raise InputError(f"{name} would lose all its {group.channels} channels")
        if indices[0] < 0 or indices[-1] >= group.channels:
            raise InputError(f"{name} has channels 0 to {group.channels - 1} only")
        chosen[name] = indices
    return chosen


def _settings(layer: keras.layers.Layer, outputs: int) -> dict[str, Any]:
    """The configuration of a layer with another number of channels."""
    settings: dict[str, Any] = layer.get_config()
    if _makes(layer):
        settings["units" if isinstance(layer, keras.layers.Dense) else "filters"] = outputs
    return settings


def _cut(
    layer: keras.layers.Layer,
    array: NDArray[np.float32],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
) -> NDArray[np.float32]:
    """A layer's weights for the channels that stay."""
    if isinstance(layer, keras.layers.DepthwiseConv2D) and array.ndim == 4:
        return array[:, :, before]
    if _makes(layer) and array.ndim > 1:
        return array[..., before, :][..., after]
    return array[..., after] if array.ndim else array
