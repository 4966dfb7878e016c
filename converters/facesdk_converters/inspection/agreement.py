"""How far a converted network is from its source: the figures, and what is asked of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bound:
    """Least agreement of a converted network with its source.

    Attributes:
        min_cosine: Of the outputs for each input.
        median_cosine: Of the median of these cosines.
        max_difference: Of the outputs, at most.
    """

    min_cosine: float
    median_cosine: float
    max_difference: float = math.inf


EXACT = Bound(min_cosine=0.98, median_cosine=0.9999)
"""Of targets that compute what their source computes, up to rounding; see decision 12."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the outputs of a converted network are from those of its source.

    In a binarized network most inputs agree within rounding. In a few, a value lies within rounding
    of a sign's threshold: the two take different signs there, and all that follows differs. The
    outputs of such an input say nothing about the conversion, as the source's differ as much from
    themselves when the input moves by rounding. Where the layers of the network are known, such an
    input is compared by them, each fed with what the file computes: its cosine is the least of any
    layer. Else it is left out of the smallest cosine; the median is over all inputs then, and fails
    where more than half of them are such.

    Attributes:
        inputs: Number of inputs compared.
        unstable: Number of those on a sign's threshold, by whose outputs nothing is judged.
        by_layers: Number of these that were compared layer by layer.
        faces: Whether they were real faces; noise for networks that cannot be fed with images. Of
            several inputs, those that take no images got noise beside the faces.
        max_difference: Largest absolute difference of the outputs, over the stable inputs, or over
            all where none is; of embeddings, after they were brought to unit length.
        min_cosine: Smallest cosine between the two outputs for one stable input, or between those
            of a layer for one of ``by_layers``; of several outputs, that of the output that agrees
            least.
        median_cosine: Median of the cosines of all inputs, of the output that agrees least; those
            of layers for ``by_layers``.
        min_output_cosine: Smallest cosine between the two outputs for any input, none left out;
            None if that is ``min_cosine``.
        outputs: Number of outputs that were compared.
        least: Of several outputs, the one that agrees least: its number, from 1, and its layer
            where that is known; else empty.
        untold: Of several outputs, those whose values do not tell.
        untold_since: Where outputs begin not to tell, and what to do then; empty if all do.
        cause: Why signs may turn in the file, and what does without; empty if nothing is known.
        first: The first layer that differs, with both values; empty where none is known to.
        telling: Whether the outputs for different inputs differ by more than what passes as equal,
            each of several. They do not after a saturated softmax, for example: there another
            network's file would agree as well.
    """

    inputs: int
    unstable: int
    faces: bool
    max_difference: float
    min_cosine: float
    median_cosine: float
    telling: bool = True
    first: str = ""
    outputs: int = 1
    least: str = ""
    untold: tuple[str, ...] = ()
    untold_since: str = ""
    by_layers: int = 0
    min_output_cosine: float | None = None
    cause: str = ""

    def meets(self, bound: Bound) -> bool:
        """Whether it is good enough; never where a figure is not a number, or none tells."""
        return (
            self.telling
            and self.min_cosine >= bound.min_cosine
            and self.median_cosine >= bound.median_cosine
            and self.max_difference <= bound.max_difference
        )

    def to_dict(self) -> dict[str, Any]:
        """The figures, the difference with three significant digits."""
        return {
            "tried": self.inputs,
            "outputs_compared": self.outputs,
            "unstable": self.unstable,
            "by_layers": self.by_layers,
            "real_faces": self.faces,
            "max_difference": float(f"{self.max_difference:.3g}"),
            "min_cosine": round(self.min_cosine, 6),
            "median_cosine": round(self.median_cosine, 6),
            "min_output_cosine": round(
                self.min_cosine if self.min_output_cosine is None else self.min_output_cosine, 6
            ),
        }

    def __str__(self) -> str:
        what = "real faces" if self.faces else "inputs of noise"
        words = (
            f"cosine with the source at least {self.min_cosine:.6f} (median "
            f"{self.median_cosine:.6f}), largest difference {self.max_difference:.2g}, on "
            f"{self.inputs} {what}"
        )
        if self.outputs > 1:
            words += f", over {self.outputs} outputs (least in output {self.least})"
        if left_out := self.unstable - self.by_layers:
            words += f", {left_out} of them left out: there rounding turns the source's signs"
        if self.by_layers:
            words += (
                f", {self.by_layers} of them compared layer by layer, as there rounding turns signs"
            )
        if self.min_output_cosine is not None:
            words += "; with all of them, outputs have a cosine of at least "
            words += f"{self.min_output_cosine:.6f}{self.cause}"
        if not self.telling:
            which = f" number {', '.join(self.untold)}" if self.untold else ""
            words += (
                f"; but the source gives the same output{which} for all of them, and for noise, so "
                f"that this proves nothing{self.untold_since}"
            )
        return words
