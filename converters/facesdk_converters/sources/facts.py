"""What only the user knows about a network, and how it gets into the contract."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from facesdk.errors import InputError, ModelError
from facesdk.models.contract import Contract
from facesdk.models.contract_fields import ANY_COLOR
from facesdk.models.templates import TEMPLATES, template_of

if TYPE_CHECKING:  # sources load TensorFlow, and a wrong fact is told before
    from facesdk_converters.sources.source import Source

_RECOGNITION = "recognition"


@dataclass(frozen=True, slots=True)
class Facts:
    """What only the user knows about a network; None where nothing was said.

    Attributes:
        name: Name of the model.
        task: ``"recognition"`` for a network that embeds aligned faces.
        color: Channel order that it was trained on.
        mean: Subtracted from pixels of 0 to 255.
        scale: Then divides them.
        license: SPDX identifier, or words.
        training_data: What it was trained on.

    Raises:
        InputError: The task is another one.
    """

    name: str | None = None
    task: str | None = None
    color: str | None = None
    mean: float | None = None
    scale: float | None = None
    license: str | None = None
    training_data: str | None = None

    def __post_init__(self) -> None:
        if self.task not in (None, _RECOGNITION):
            raise InputError(
                f"--task must be {_RECOGNITION}, but got {self.task!r}; leave it out for others"
            )


def contract_with(source: Source, facts: Facts) -> Contract:
    """The contract of a source, with what the user says.

    Raises:
        InputError: The source says itself how to feed it, and the user does too.
        ModelError: It is to be a recognition model, and does not map crops to vectors.
        ContractError: A value is none that a contract may have.
    """
    contract = source.contract
    if source.documented:
        for name in ("task", "color", "mean", "scale"):
            if getattr(facts, name) is not None:
                raise InputError(f"--{name} does not go with {source.path}, which says it itself")
    spec = replace(contract.input, **_given(facts, "color", "mean", "scale"))
    changes = _given(facts, "name", "license", "training_data")
    if facts.task == _RECOGNITION:
        changes.update(_recognition(source))
        if spec.color == ANY_COLOR:
            spec = replace(spec, color="RGB")
    return replace(contract, input=spec, **changes)


def _given(facts: Facts, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(facts, name)) is not None}


def advice(source: Source, contract: Contract) -> str:
    """What the user may say of a network that facesdk does not know; empty if nothing would help.

    No task takes several inputs or outputs, and a recognition model maps crops to vectors.
    """
    ports = source.network.input_shapes + source.network.output_shapes
    if contract.task != "other" or len(ports) != 2:
        return ""
    words = "give this file a contract by `facesdk models set-contract`"
    if _template(*ports):
        words = (
            f"if it embeds aligned faces, give --task recognition, --mean and --scale, or {words}"
        )
    return f"facesdk does not know what it is for: {words}"


def _recognition(source: Source) -> dict[str, Any]:
    inputs, outputs = source.network.input_shapes, source.network.output_shapes
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{source.path} has {len(inputs)} inputs and {len(outputs)} outputs: a recognition "
            "model has one of each; leave out --task recognition"
        )
    (shape,), (output,) = inputs, outputs
    template = _template(shape, output)
    if template is None:
        sizes = " or ".join(f"{row.height}x{row.width}x3" for row in TEMPLATES.values())
        raise ModelError(
            f"{source.path} maps {shape} to {output}: a recognition model maps crops of {sizes} to "
            "vectors; leave out --task recognition"
        )
    return {"task": _RECOGNITION, "template": template, "dim": output[0]}


def _template(shape: tuple[int, ...], output: tuple[int, ...]) -> str | None:
    """Of the crops that a network maps to vectors; None if it does not."""
    return template_of(shape[:2]) if shape[2:] == (3,) and len(output) == 1 else None
