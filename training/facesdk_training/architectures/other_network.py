"""A network that a file describes and no configuration: a Keras model of another origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class OtherNetworkConfig:
    """What is known of a network that came as a Keras file.

    Nothing can be built from it: a run of such a network carries it in ``network.keras``.

    Attributes:
        architecture: "other".
        variant: "unstated".
        title: What its file calls it; the contract's architecture.
        input_height: Height of the aligned crop, in pixels.
        input_width: Width of the aligned crop, in pixels.
        embedding_length: Length of the embedding.
    """

    architecture: Literal["other"] = "other"
    variant: Literal["unstated"] = "unstated"
    title: str = "network"
    input_height: int = 112
    input_width: int = 96
    embedding_length: int = 128

    @property
    def family(self) -> str:
        """Its title."""
        return self.title
