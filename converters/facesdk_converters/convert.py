"""The one way from a network to a model file, whatever the target.

Source -> file without contract -> parity on real faces -> contract -> file on disk. Nothing is
written unless all of it succeeds. Thresholds of a source are kept by targets that compute what it
computes, and by no others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facesdk.errors import InputError, ModelError
from facesdk.files import write_atomic
from facesdk.models import packed
from facesdk.models.contract import Contract, Conversion
from facesdk.models.contract_fields import ANY_COLOR
from facesdk.models.templates import TEMPLATES, template_of
from facesdk_converters.inspection import faces, parity, refusals
from facesdk_converters.inspection.explanation import Explanation, explain
from facesdk_converters.inspection.parity import Agreement
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source, load
from facesdk_converters.targets import floating
from facesdk_converters.targets.target import EXACT, Target
from facesdk_converters.tflite.metadata import write_contract


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
    """

    name: str | None = None
    task: str | None = None
    color: str | None = None
    mean: float | None = None
    scale: float | None = None
    license: str | None = None
    training_data: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What to convert, and where to.

    Attributes:
        source: See :func:`facesdk_converters.sources.load`.
        output: The file to write.
        custom: Custom objects of the source.
        facts: For the contract.
        verify: Whether to compare the file with its source.
        verify_on: Photos or aligned crops to compare them on, besides the packaged samples.
        explain: Whether to explain the file; it is then compared with a float32 file in size.
        pack: Whether to write the entropy-coded container (:mod:`facesdk.models.packed`).
    """

    source: Path
    output: Path
    custom: tuple[str, ...] = ()
    facts: Facts = field(default_factory=Facts)
    verify: bool = True
    verify_on: Path | None = None
    explain: bool = False
    pack: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """A network that has become a model file.

    Attributes:
        path: The model file.
        bytes: Its size.
        packed_bytes: Size of the container it was written into; None without one.
        contract: The contract in it.
        agreement: How well it agrees with its source; None if that was not asked for.
        explanation: What is in it; None if that was not asked for.
        description: What the target says about it, in lines; empty if nothing.
    """

    path: Path
    bytes: int
    packed_bytes: int | None
    contract: Contract
    agreement: Agreement | None
    explanation: Explanation | None
    description: str

    def to_dict(self) -> dict[str, Any]:
        """Path, size, name, task, parity, and the explanation where there is one."""
        record = {
            "path": str(self.path),
            "bytes": self.bytes,
            "packed_bytes": self.packed_bytes,
            "name": self.contract.name,
            "task": self.contract.task,
            "target": self.contract.conversion.target if self.contract.conversion else None,
            "parity": self.agreement.to_dict() if self.agreement else None,
            "description": self.description.splitlines(),
        }
        if self.explanation is not None:
            record["explanation"] = self.explanation.to_dict()
        return record


def convert(
    request: Request,
    target: Target,
    *,
    report: Callable[[int, int, str], None] = lambda done, total, label: None,
) -> Converted:
    """Converts a network.

    Args:
        request: What to convert.
        target: What to make of it.
        report: Called when a stage begins, with the number of those done and of all, and its name.

    Raises:
        InputError: The source, the faces or the output is not usable.
        ModelError: The network does not suit the target, or the file does not compute what its
            source computes.
    """
    _check_output(request)
    report(0, 4, "load")
    source = load(request.source, request.custom)
    contract = _with_facts(source, request.facts)
    source = replace(source, contract=contract)
    report(1, 4, "convert")
    content = target.convert(source)
    refusals.check_operators(content, source)
    agreement = None
    if request.verify:
        report(2, 4, "verify")
        agreement = parity.check(source, content, faces.load(request.verify_on), contract)
        _require(agreement, target, request)
    contract = replace(contract, conversion=_conversion(target, agreement))
    if target.bound != EXACT:
        contract = replace(contract, thresholds=(), thresholds_source="")
    content = write_contract(content, contract)
    explanation = None
    if request.explain:
        report(3, 4, "explain")
        baseline = len(write_contract(floating.convert(source, half=False), contract))
        explanation = explain(
            content,
            name=request.output,
            model=source.model if isinstance(source.network, KerasNetwork) else None,
            remark=target.remark,
            float32_bytes=baseline,
        )
    packed_content = packed.pack(content) if request.pack else None
    write_atomic(request.output, packed_content or content)
    report(4, 4, "done")
    return Converted(
        path=request.output,
        bytes=len(content),
        packed_bytes=len(packed_content) if packed_content else None,
        contract=contract,
        agreement=agreement,
        explanation=explanation,
        description=target.describe(content),
    )


def _check_output(request: Request) -> None:
    """Says what is wrong with the output before minutes are spent on it."""
    path = request.output
    if request.pack and path.suffix != ".pack":
        raise InputError(f"--pack writes a container: name it {path.with_suffix('.tflite.pack')}")
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder, give the name of a file")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: the folder {path.parent} is not writable")


def _with_facts(source: Source, facts: Facts) -> Contract:
    contract = source.contract
    if source.documented:
        for name in ("task", "color", "mean", "scale"):
            if getattr(facts, name) is not None:
                raise InputError(f"--{name} does not go with {source.path}, which says it itself")
    spec = replace(
        contract.input,
        **{
            name: value
            for name in ("color", "mean", "scale")
            if (value := getattr(facts, name)) is not None
        },
    )
    changes: dict[str, Any] = {
        name: value
        for name in ("name", "license", "training_data")
        if (value := getattr(facts, name)) is not None
    }
    if facts.task == "recognition":
        changes.update(_recognition(source))
        if spec.color == ANY_COLOR:
            spec = replace(spec, color="RGB")
    return replace(contract, input=spec, **changes)


def _recognition(source: Source) -> dict[str, Any]:
    shape, output = source.network.input_shape, source.network.output_shape
    template = template_of(shape[:2])
    if len(shape) != 3 or shape[2] != 3 or template is None or len(output) != 1:
        sizes = " or ".join(f"{row.height}x{row.width}x3" for row in TEMPLATES.values())
        raise ModelError(
            f"{source.path} maps {shape} to {output}: a recognition model maps crops of {sizes} to "
            "vectors; leave out --task recognition"
        )
    return {"task": "recognition", "template": template, "dim": output[0]}


def _require(agreement: Agreement, target: Target, request: Request) -> None:
    if not agreement.meets(target.bound):
        raise ModelError(
            f"the converted network differs from {request.source}: {agreement}; needed are a "
            f"cosine of {target.bound.min_cosine} and {target.bound.median_cosine} in the median, "
            "so nothing was written"
        )


def _conversion(target: Target, agreement: Agreement | None) -> Conversion:
    """The record of a conversion: the bounds that were met, which do not vary with the machine."""
    if agreement is None:
        return Conversion(target.name, target.options, verified=False)
    bound = target.bound
    return Conversion(target.name, target.options, True, bound.min_cosine, bound.median_cosine)
