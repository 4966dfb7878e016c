"""What a target of ``facesdk convert`` is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from facesdk.models.bundle import ModelBundle
from facesdk.progress import Progress, unwatched
from facesdk.tflite.graph import Graph
from facesdk_converters.inspection.agreement import EXACT, Bound
from facesdk_converters.inspection.explanation import Remark, no_remark
from facesdk_converters.sources.source import Source


def says_nothing(graph: Graph) -> str:
    """The description of targets whose files are what their name says."""
    return ""


class Conversion(Protocol):
    """Makes a model file of a network."""

    def __call__(self, source: Source, /, *, progress: Progress = unwatched) -> ModelBundle:
        """The file, verified and without a contract of its own.

        Args:
            source: The network.
            progress: Called after each step of what takes longer than a moment.

        Raises:
            ModelError: The network does not suit the target; the message says what to change.
        """


def at_once(convert: Callable[[Source], ModelBundle]) -> Conversion:
    """A conversion that has no steps to tell of."""

    def conversion(source: Source, /, *, progress: Progress = unwatched) -> ModelBundle:
        return convert(source)

    return conversion


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of model file that a network can become.

    Attributes:
        name: The verb of ``facesdk convert``.
        convert: Makes the file.
        bound: A file that agrees less with its source is refused.
        options: Options of the verb that change the network, as on the command line.
        remark: For ``--explain``.
        rounds_weights: Whether it stores float weights with fewer bits.
        describe: What the user should know about a file of this target, in lines; takes its graph.
    """

    name: str
    convert: Conversion
    bound: Bound = EXACT
    options: str = ""
    remark: Remark = no_remark
    rounds_weights: bool = False
    describe: Callable[[Graph], str] = says_nothing
