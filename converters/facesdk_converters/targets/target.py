"""What a target of ``facesdk convert`` is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facesdk.models.bundle import ModelBundle
from facesdk.tflite.graph import Graph
from facesdk_converters.inspection.explanation import Remark, no_remark
from facesdk_converters.inspection.parity import EXACT, Bound
from facesdk_converters.sources.source import Source


def says_nothing(graph: Graph) -> str:
    """The description of targets whose files are what their name says."""
    return ""


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of model file that a network can become.

    Attributes:
        name: The verb of ``facesdk convert``.
        convert: Makes the file, verified and without a contract of its own, from a source. Raises
            ModelError with what to change where the network does not suit the target.
        bound: A file that agrees less with its source is refused.
        options: Options of the verb that change the network, as on the command line.
        remark: For ``--explain``.
        rounds_weights: Whether it stores float weights with fewer bits.
        describe: What the user should know about a file of this target, in lines; takes its graph.
    """

    name: str
    convert: Callable[[Source], ModelBundle]
    bound: Bound = EXACT
    options: str = ""
    remark: Remark = no_remark
    rounds_weights: bool = False
    describe: Callable[[Graph], str] = says_nothing
