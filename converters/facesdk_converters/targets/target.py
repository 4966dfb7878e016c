"""What a target of ``facesdk convert`` is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facesdk_converters.sources.source import Source
    from facesdk_converters.tflite.operators import Operator

Remark = Callable[["Operator", "Operator | None", Any], str]
"""Why an operator is no better, and what to change; empty if all is well. Takes the operator, the
one that writes its input (None for the network's input), and the Keras layer it comes from."""


def no_remark(operator: Operator, producer: Operator | None, layer: Any) -> str:
    """The remark of targets that promise nothing."""
    return ""


@dataclass(frozen=True, slots=True)
class Bound:
    """Least agreement of a converted network with its source.

    Attributes:
        min_cosine: Of the outputs for each input.
        median_cosine: Of the median of these cosines.
    """

    min_cosine: float
    median_cosine: float


EXACT = Bound(min_cosine=0.98, median_cosine=0.9999)
"""Of targets that compute what their source computes, up to rounding; see decision 12."""


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of model file that a network can become.

    Attributes:
        name: The verb of ``facesdk convert``.
        convert: Makes the file, without a contract, from a source. Raises ModelError with what to
            change where the network does not suit the target.
        bound: A file that agrees less with its source is refused.
        options: Options of the verb that change the network, as on the command line.
        remark: For ``--explain``.
        describe: What the user should know about a file of this target, in lines; takes the file.
    """

    name: str
    convert: Callable[[Source], bytes]
    bound: Bound = EXACT
    options: str = ""
    remark: Remark = no_remark
    describe: Callable[[bytes], str] = lambda content: ""
