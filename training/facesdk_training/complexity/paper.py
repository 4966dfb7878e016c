"""The paper's table 3, printed and counted on networks built here; the rules are those of
:mod:`facesdk_training.complexity.layers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cache
from types import MappingProxyType

from facesdk_training.architectures.registry import ARCHITECTURES, PAPER_CLASSES, NetworkConfig
from facesdk_training.complexity.layers import Complexity, measure
from facesdk_training.keras.networks.build import add_classifier, build_embedder


@dataclass(frozen=True, slots=True)
class Figures:
    """A row of the paper's table 3.

    Attributes:
        parameters: Weights of all kernels.
        flops: Multiply-adds by the paper's rule.
        efficiency: FLOPs of A divided by these.
        compression: Bits of A's kernels divided by these.
        compression_without_classifier: The same without Fc6.
    """

    parameters: int
    flops: int
    efficiency: float
    compression: float
    compression_without_classifier: float


@dataclass(frozen=True, slots=True)
class PrintedFigures:
    """A row of table 3 as printed: text, so that the digits say how exact it is."""

    parameters: str
    flops: str
    efficiency: str
    compression: str
    compression_without_classifier: str

    def cells(self) -> tuple[str, ...]:
        """The five figures in order."""
        return astuple(self)


PAPER_TABLE_3: Mapping[str, PrintedFigures] = MappingProxyType(
    {
        "A": PrintedFigures("4.36", "2.21", "1", "1", "1"),
        "B": PrintedFigures("4.55", "3.06", "0.72", "0.96", "0.94"),
        "C": PrintedFigures("5.68", "4.24", "0.52", "0.77", "0.71"),
        "Q": PrintedFigures("5.68", "2.12", "1.05", "3.81", "22.8"),
    }
)
"""The paper's table 3: parameters in 1e7, FLOPs in 1e9. A's 2.2152e9 is cut to 2.21, the others are
rounded."""


@cache
def measure_network(config: NetworkConfig) -> Complexity:
    """Builds a network with the paper's classifier and counts it, once per process.

    Args:
        config: From :func:`facesdk_training.architectures.registry.configure`, or a run's.

    Raises:
        InputError: Only a file describes the network.
    """
    return measure(add_classifier(build_embedder(config), PAPER_CLASSES))


def measure_architecture(name: str) -> Complexity:
    """The same of an architecture at full size, a key of
    :data:`facesdk_training.architectures.registry.ARCHITECTURES`.
    """
    return measure_network(ARCHITECTURES[name])


def figures(network: Complexity, reference: Complexity) -> Figures:
    """A network's row of table 3.

    Args:
        network: The network.
        reference: What it is compared with: A.
    """
    return Figures(
        parameters=network.parameters,
        flops=network.flops,
        efficiency=reference.flops / network.flops,
        compression=reference.bits / network.bits,
        compression_without_classifier=(
            reference.bits_without_classifier / network.bits_without_classifier
        ),
    )
