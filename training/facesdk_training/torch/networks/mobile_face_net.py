"""MobileFaceNet, see :mod:`facesdk_training.keras.networks.mobile_face_net`, for PyTorch."""

from __future__ import annotations

from torch import Tensor, nn

from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.torch.networks.layers import (
    Convolution,
    PReLU,
    batch_normalisation,
    he_normal,
)
from facesdk_training.torch.networks.network import EmbeddingHead, Network


class MobileFaceNet(Network):
    """float [N, 3, height, width], RGB scaled to about [-1, 1], to [N, embedding length]."""

    def __init__(self, config: MobileFaceNetConfig) -> None:
        super().__init__()
        channels = config.stem_channels
        self.stem = nn.Sequential(
            _Layer(self, "stem1", 3, channels, 3, 2),
            _Layer(self, "stem2", channels, channels, 3, depthwise=True),
        )
        self.body = nn.ModuleList()
        for stage, (filters, units) in enumerate(config.stages):
            for unit in range(units):
                name, stride = f"stage{stage + 1}_unit{unit + 1}", 1 if unit else 2
                hidden = config.hidden(stage, unit)
                part = _Unit(self, name, channels, hidden, filters, stride)
                if part.adds:
                    self.ends_with(f"{name}_add", part)
                self.body.append(part)
                channels = filters
        self.features = _Layer(self, "features", channels, config.head_channels)
        self.head = EmbeddingHead(
            self,
            config.head_channels,
            config.map_size(-1),
            config.embedding_length,
            config.head_units,
        )

    def forward(self, x: Tensor) -> Tensor:
        """The embeddings, not normalised."""
        x = self.stem(x)
        for unit in self.body:
            x = unit(x)
        embedding: Tensor = self.head(self.features(x))
        return embedding

    def blocks(self) -> list[nn.Module]:
        """The stem's layers, the units, and the layer after them."""
        return [*self.stem, *self.body, self.features]

    def use_kernels(self) -> bool:
        """See :meth:`.Network.use_kernels`."""
        for layer in self.modules():
            if isinstance(layer, _Layer):
                layer.with_kernels = not self.looks_into(layer)
        return True


class _Layer(nn.Module):
    def __init__(
        self,
        network: Network,
        name: str,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        depthwise: bool = False,
        activated: bool = True,
    ) -> None:
        super().__init__()
        convolution = Convolution(inputs, outputs, kernel, stride=stride, depthwise=depthwise)
        he_normal(convolution.weight)
        self.convolution = network.named(f"{name}_conv", convolution)
        self.normalisation = network.named(f"{name}_bn", batch_normalisation(outputs))
        self.prelu = network.named(f"{name}_prelu", PReLU(outputs)) if activated else None
        self.with_kernels = False

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """The layer's map, and ``added`` to it if given."""
        slope = None if self.prelu is None else self.prelu.slope
        if self.with_kernels and self.training:
            from facesdk_training.torch.networks.kernels.normalisation import normalised

            small = self.convolution.groups > 1
            x = self.convolution.with_kernels(x) if small else self.convolution(x)
            return normalised(x, self.normalisation, slope, added)
        x = self.normalisation(self.convolution(x))
        x = x if self.prelu is None else self.prelu(x)
        return x if added is None else x + added


class _Unit(nn.Module):
    def __init__(
        self, network: Network, name: str, inputs: int, hidden: int, outputs: int, stride: int
    ) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _Layer(network, f"{name}_expand", inputs, hidden),
            _Layer(network, f"{name}_depthwise", hidden, hidden, 3, stride, depthwise=True),
            _Layer(network, f"{name}_project", hidden, outputs, activated=False),
        )
        self.adds = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        expand, depthwise, project = self.branch
        y: Tensor = project(depthwise(expand(x)), x if self.adds else None)
        return y
