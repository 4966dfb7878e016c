"""A model file in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesdk.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesdk.models.contract import Contract, Threshold
    from facesdk.models.description import ModelDescription, OperatorKind, Port


_TABLE = ("thresholds", "")
"""Keys of the lines of the table of thresholds, which is made of numbers and keeps its spaces."""


def described(model: ModelDescription) -> str:
    """All of a description, a fact per line."""
    size = f"{model.bytes:,}"
    if model.packed_bytes is not None:
        size = f"{model.packed_bytes:,} packed, {size} unpacked"
    rows = [
        ("file", str(model.path)),
        ("bytes", size),
        ("sha256", model.sha256),
        *([("model id", model.model_id)] if model.model_id != model.sha256 else []),
        *(("input", _port(port)) for port in model.inputs),
        *(("output", _port(port)) for port in model.outputs),
        *(("operators", _kind(kind)) for kind in model.operators),
        *(("multiplied", _macs(row, "per run")) for row in model.macs.items()),
        *(("stored", _macs(row, "per input")) for row in model.stored_macs.items()),
        ("runs on", _needs(model)),
        *(("constants", f"{n:,} bytes {kind}") for kind, n in model.constants.items()),
        ("the rest", f"{model.other_bytes:,} bytes"),
    ]
    if model.contract is None:
        rows.append(("contract", "none"))
    else:
        rows += _contract_rows(model.contract)
    return "\n".join(
        f"{key:15}{words if key in _TABLE else one_line(words or 'unstated')}"
        for key, words in rows
    )


def points(thresholds: Sequence[Threshold]) -> list[tuple[str, str, str]]:
    """Of each threshold the FMR, the similarity, and the share of true pairs turned away."""
    return [
        (f"{row.fmr:g}", f"{row.similarity:.4f}", f"{100 * row.fnmr:.1f} %") for row in thresholds
    ]


def _needs(model: ModelDescription) -> str:
    if model.unknown_operators:
        return f"no runtime of facesdk, which does not have {', '.join(model.unknown_operators)}"
    if model.operator_library:
        return "a TFLite runtime with facesdk's operator library"
    return "any TFLite runtime"


def _kind(kind: OperatorKind) -> str:
    return f"{kind.count} {kind.name}" + (f", {kind.bits} bits" if kind.bits else "")


def _macs(row: tuple[str, int], unit: str) -> str:
    width, count = row
    return f"{count:,} multiply-adds {unit}, {width} bits"


def _port(port: Port) -> str:
    return f"{port.name}, {'x'.join(map(str, port.shape)) or 'scalar'} {port.dtype}"


def _contract_rows(contract: Contract) -> list[tuple[str, str]]:
    spec, conversion = contract.input, contract.conversion
    size = "x".join(str(side or "any") for side in (spec.height, spec.width))
    rows = [
        ("name", contract.name),
        ("task", f"{contract.task}, {contract.architecture} {contract.variant}"),
        ("pixels", f"{size} {spec.color}, (p - {spec.mean:g}) / {spec.scale:g}"),
    ]
    if contract.task == "recognition":
        flip = ", of the crop and its mirror image" if contract.flip_concatenation else ""
        lacks = ", a direction taken out" if contract.removed_direction is not None else ""
        told = f"{contract.dim} numbers{flip}{lacks}, template {contract.template}"
        rows.append(("embedding", told))
        if contract.full_norm is not None:
            rows.append(("clear faces", f"outputs of norm {contract.full_norm:g} and more"))
    if contract.thresholds:
        table = [("FMR", "threshold", "turned away", "pairs of one person, of two")]
        table += [
            (*point, f"{row.positive_pairs:,}, {row.negative_pairs:,}")
            for point, row in zip(points(contract.thresholds), contract.thresholds, strict=True)
        ]
        lines = ("{:<9}{:<11}{:<13}{}".format(*cells) for cells in table)
        rows += zip((_TABLE[0], *_TABLE[1:] * len(contract.thresholds)), lines, strict=True)
    if contract.probability is not None:
        known = contract.probability
        rows.append(
            (
                "probability",
                f"1 / (1 + exp(-({known.slope:.4g} s {known.intercept:+.4g}))) of one person, for "
                "as many pairs of one as of two",
            )
        )
    if contract.thresholds_source:
        rows.append(("measured on", contract.thresholds_source))
    if contract.thresholds:
        version = contract.thresholds_pixels
        cut_here = f"pixel functions, version {version}"
        rows.append(("cut by", "crops that were given" if version is None else cut_here))
        if contract.thresholds_detector is not None:
            rows.append(("found by", contract.thresholds_detector))
    if conversion is not None:
        verified = "compared with its source" if conversion.verified else "not verified"
        made_by = f"{conversion.target} {conversion.options}".strip()
        rows.append(("converted by", f"facesdk convert {made_by}, {verified}"))
    if contract.original is not None:
        rows.append(("changed", "calibrated or edited after its conversion"))
    rows += [
        ("source", contract.source),
        ("source sha256", contract.source_sha256),
        ("trained on", contract.training_data),
        ("license", contract.license),
        ("schema version", str(contract.schema_version)),
    ]
    return rows
