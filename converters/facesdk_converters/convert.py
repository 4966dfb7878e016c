"""The one way from a network to a model file, whatever the target.

Source -> file without contract -> parity on real faces -> contract -> file on disk. Nothing is
written unless all of it succeeds. Thresholds of a source are kept by targets that compute what it
computes, and by no others.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from facesdk.errors import InputError, ModelError
from facesdk.files import require_other, write_atomic
from facesdk.models import packed
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract, Conversion
from facesdk.progress import Progress, unwatched
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.inspection import batch, faces, half, parity, refusals
from facesdk_converters.inspection.agreement import EXACT, Agreement
from facesdk_converters.inspection.converted import Converted
from facesdk_converters.inspection.explanation import explain
from facesdk_converters.inspection.half import HalfWeights
from facesdk_converters.sources.facts import Facts, advice, contract_with
from facesdk_converters.sources.source import Source, load
from facesdk_converters.targets import floating
from facesdk_converters.targets.int8_body import OPTION, turning_signs, with_int8_body
from facesdk_converters.targets.integers import FLOAT, in_integers, rounding
from facesdk_converters.targets.target import Target
from facesdk_converters.tflite import float16
from facesdk_converters.tflite.integer_ports import TYPES
from facesdk_converters.tflite.tree import Tree, write_contract


@dataclass(frozen=True, slots=True)
class Request:
    """What to convert, and where to.

    Attributes:
        source: See :func:`facesdk_converters.sources.source.load`.
        output: The file to write.
        custom: Custom objects of the source.
        trust: Whether to run the source as it is, with the code inside it.
        facts: For the contract.
        verify: Whether to compare the file with its source.
        verify_on: Photos or aligned crops to compare them on, besides the packaged samples.
        explain: Whether to explain the file; it is then compared with a float32 file in size.
        ports: Type of the file's inputs and outputs: ``float32``, or one of
            :data:`facesdk_converters.tflite.integer_ports.TYPES`.
        pack: Whether to write the entropy-coded container (:mod:`facesdk.models.packed`).
        float16: Which float layers to store weights of as float16
            (:mod:`facesdk_converters.tflite.float16`); None for none.
        int8_body: Whether float convolutions before signs are to compute in 8 bits
            (:mod:`facesdk_converters.targets.int8_body`).
        calibrate_on: Photos or aligned crops to measure the ranges of these on, besides the
            packaged samples.
    """

    source: Path
    output: Path
    custom: tuple[str, ...] = ()
    trust: bool = False
    facts: Facts = field(default_factory=Facts)
    verify: bool = True
    verify_on: Path | None = None
    explain: bool = False
    ports: str = FLOAT
    pack: bool = False
    float16: float16.Part | None = None
    int8_body: bool = False
    calibrate_on: Path | None = None

    def __post_init__(self) -> None:
        if self.ports not in (FLOAT, *TYPES):
            known = ", ".join((FLOAT, *TYPES))
            raise InputError(f"--io must be one of {known}, but got {self.ports!r}")


def convert(request: Request, target: Target, *, progress: Progress = unwatched) -> Converted:
    """Converts a network.

    Args:
        request: What to convert.
        target: What to make of it.
        progress: Called when a stage begins, and for each step of calibration, comparison and
            packing.

    Raises:
        InputError: The source, the faces or the output is not usable.
        ModelError: The network does not suit the target, or the file does not compute what its
            source computes.
    """
    _check_output(request)
    progress(0, 4, "load")
    source = load(request.source, request.custom, trust=request.trust)
    source = replace(source, contract=contract_with(source, request.facts))
    progress(1, 4, "convert")
    bundle = target.convert(source, progress=progress)
    refusals.check_operators(bundle.graph, source)
    agreement = None
    if request.verify:
        progress(2, 4, "verify")
        agreement = parity.check(source, bundle, faces.load(request.verify_on), progress)
        _require(agreement, target, source)
    if request.int8_body:
        bundle, agreement = _in_8_bits(request, source, bundle, progress)
        target = turning_signs(target)
    stored_half = None
    if request.float16:
        stored_half, bundle, target = _in_half(request, request.float16, source, bundle, target)
    if request.ports != FLOAT:
        bundle = in_integers(source, bundle, request.ports, faces.load(request.verify_on))
        target = rounding(target, request.ports)
    if request.verify and request.ports != FLOAT:
        agreement = parity.check(source, bundle, faces.load(request.verify_on), progress)
        _require(agreement, target, source)
    if not request.verify:
        Interpreter(bundle)  # a file that does not load is never written
    contract = _final(source.contract, target, agreement)
    tree = Tree.of(bundle)
    takes_several = batch.takes_several(bundle, bundle, source.network)
    if takes_several:
        tree.open_batch([*tree.inputs, *tree.outputs])
    closed = "" if takes_several or source.network.batch else batch.ONE_AT_A_TIME
    tree.set_contract(contract)
    content = tree.to_bytes()
    explanation = None
    if request.explain:
        progress(3, 4, "explain")
        graph = replace(bundle.graph, file_bytes=len(content), metadata_bytes=tree.metadata_bytes)
        baseline = write_contract(floating.convert(source, half=False), contract)
        remark = target.remark
        if request.float16:
            remark = half.remarking(remark, graph, request.float16)
        explanation = explain(
            graph, network=source.network, remark=remark, float32_bytes=len(baseline)
        )
    packed_content = packed.pack(content, progress=progress) if request.pack else None
    write_atomic(request.output, packed_content or content)
    progress(4, 4, "done")
    return Converted(
        path=request.output,
        bytes=len(content),
        contract=contract,
        agreement=agreement,
        packed_bytes=len(packed_content) if packed_content else None,
        explanation=explanation,
        half=stored_half,
        description="\n".join(filter(None, [source.note, target.describe(bundle.graph), closed])),
        advice=advice(source, contract),
    )


def _in_8_bits(
    request: Request, source: Source, exact: ModelBundle, progress: Progress
) -> tuple[ModelBundle, Agreement | None]:
    """The file with 8-bit convolutions before signs, and how it agrees with its source.

    Raises:
        ModelError: The rounding changes too much of what the file computes.
    """
    bundle = with_int8_body(source, exact, request.calibrate_on, progress=progress)
    if not request.verify:
        return bundle, None
    agreement = parity.check(source, bundle, faces.load(request.verify_on), progress)
    if not agreement.meets(half.WITH_SIGNS):
        raise ModelError(
            f"8 bits change what {source.path} computes: {agreement}; needed are a cosine of "
            f"{half.WITH_SIGNS.min_cosine} and {half.WITH_SIGNS.median_cosine} in the median, so "
            f"nothing was written: leave {OPTION} out"
        )
    return bundle, agreement


def _in_half(
    request: Request, part: float16.Part, source: Source, single: ModelBundle, target: Target
) -> tuple[HalfWeights, ModelBundle, Target]:
    """The file with float16 weights, what that did, and the target of such files.

    Raises:
        ModelError: The rounding changes too much of what the file computes.
    """
    option = float16.OPTIONS[part]
    bundle = float16.stored(single, part)
    found = half.examine(single, bundle, part)
    bound = half.bound_of(bundle.graph, target.bound, part)
    if request.verify:
        crops = faces.load(request.verify_on)
        found = replace(found, cosines=half.cosines(single, bundle, crops, source.contract))
        if not found.meets(bound):
            raise ModelError(
                f"float16 changes what {source.path} computes: {found.agreement}; needed are "
                f"{bound.min_cosine} and {bound.median_cosine} in the median, so nothing was "
                f"written: leave {option} out"
            )
    options = f"{target.options} {option}".strip()
    return found, bundle, replace(target, bound=bound, options=options)


def _check_output(request: Request) -> None:
    """Says what is wrong with the output before minutes are spent on it."""
    path = request.output
    if request.pack and path.suffix.lower() != ".pack":
        raise InputError(f"--pack writes a container: name it {path.with_suffix('.tflite.pack')}")
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder, give the name of a file")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {path.parent}")
    if path.suffix.lower() not in (".tflite", ".pack"):
        require_other(path, *request.source.rglob("*"))
    require_other(path, request.source)
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: the folder {path.parent} is not writable")


def _require(agreement: Agreement, target: Target, source: Source) -> None:
    if not agreement.telling and replace(agreement, telling=True).meets(target.bound):
        raise ModelError(
            f"whether the converted network computes what {source.path} does cannot be seen: "
            f"{agreement}, so nothing was written"
        )
    if not agreement.meets(target.bound):
        binary = refusals.binarized_layers(source) if target.rounds_weights else 0
        cause = (
            f" (it has {binary} layers that take signs of what they read, and rounded weights turn "
            "signs: `facesdk convert lce` and `binary-weights` are made for it)"
        )
        where = f"; {agreement.first}" if agreement.first and target.bound == EXACT else ""
        raise ModelError(
            f"the converted network differs from {source.path}: {agreement}; needed are a "
            f"cosine of {target.bound.min_cosine} and {target.bound.median_cosine} in the median, "
            f"so nothing was written{where}{cause if binary else ''}"
        )


def _final(contract: Contract, target: Target, agreement: Agreement | None) -> Contract:
    """The contract with the record of the conversion.

    It says which bounds were met, not by how much, which varies with the machine.
    """
    bound = target.bound
    conversion = Conversion(target.name, target.options, verified=False)
    if agreement is not None:
        conversion = replace(
            conversion,
            verified=True,
            min_cosine=bound.min_cosine,
            median_cosine=bound.median_cosine,
        )
    if bound != EXACT:
        contract = contract.without_thresholds()
    return replace(contract, conversion=conversion, original=None)
