"""``facesdk models summary``: what a network costs, beside the paper's figures."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from facesdk.cli import options
from facesdk.errors import InputError, require_extra
from facesdk.files import write_atomic
from facesdk.models.run_files import is_run
from facesdk.pages import text
from facesdk.pages.text import Line, Table

if TYPE_CHECKING:
    from facesdk_training.architectures.registry import NetworkConfig
    from facesdk_training.complexity.layers import Complexity

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
def summary(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A, B, C, Q, QB, CompactFaceNet or MobileFaceNet, a recipe, or a run.",
            show_default=False,
        ),
    ],
    width: Annotated[
        Optional[float],
        typer.Option("--width", help="Factor of all channel counts.", show_default="1"),
    ] = None,
    weights: Annotated[
        Optional[str],
        typer.Option(
            "--kernel-quantizer",
            help="Quantizer of weights, for example dorefa-3.",
            show_default="NAME's",
        ),
    ] = None,
    activations: Annotated[
        Optional[str],
        typer.Option(
            "--input-quantizer",
            help="Quantizer of activations, for example bnn.",
            show_default="NAME's",
        ),
    ] = None,
    assignments: Annotated[
        Optional[list[str]],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change the network as `train --set` does, for example network.head_units=64; "
            "repeatable.",
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Optional[Path],
        typer.Option(
            "--plot",
            metavar="FILE.svg",
            help="Measure this computer's roofs, and draw the layers under them.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Count a network's weights, multiply-adds and bytes, layer by layer (extra `train`).

    Everything is counted on the built network, with the paper's classifier of 10,575 people. The
    table of A, B, C and Q is printed beside the paper's. Of a recipe or a run with stages it is the
    network of the last one.

    Examples:

        facesdk models summary A

        facesdk models summary Q --json | jq .compression_without_classifier

        facesdk models summary QB --plot roofline.svg

        facesdk models summary compactfacenet-packaged --set "network.thresholds=[1, 1, 2]"
    """
    require_extra("tensorflow", extra="train")
    require_extra("larq", extra="train")
    if plot is not None and plot.suffix.lower() != ".svg":
        raise InputError(f"{plot} must end with .svg")
    from facesdk_training.complexity import paper

    options_given = {"width": width, "weights": weights, "activations": activations}
    fields = {key: value for key, value in options_given.items() if value is not None}
    config = _network_of(name, assignments or (), fields)
    network = paper.measure_network(config)
    if plot is not None:
        from facesdk.bench.peaks import measure_peaks
        from facesdk_training.complexity.roofline import draw

        write_atomic(plot, draw(network.layers, measure_peaks(), name).encode())
    if json:
        typer.echo(json_module.dumps(_record(config, network)))
        return
    lines = [
        f"multiply-adds with {precision} bits (weights x activations): {count:,}"
        for precision, count in sorted(network.multiply_adds.items())
    ]
    parts = [
        _layer_table(network),
        *map(Line, lines),
        Line(f"parameters beside kernels: {network.other_parameters:,}"),
        _paper_table(_title(name, config), config),
        Line(
            "Table 3 of the paper: Q's compression comes out as 3.55, because Fc6 has 10,828,800 "
            "weights; 3.81 is what 1.0e7 would give."
        ),
    ]
    typer.echo(text.draw(parts), nl=False)


def _network_of(name: str, assignments: Sequence[str], fields: Mapping[str, Any]) -> NetworkConfig:
    """What NAME stands for, with assignments, then fields of its configuration, replaced."""
    from facesdk_training.architectures.registry import architecture_name, configure
    from facesdk_training.config import toml
    from facesdk_training.runs import record as run_record

    for assignment in assignments:
        if not assignment.startswith("network."):
            raise InputError(f"--set takes keys of network here, but got {assignment!r}")
    path = Path(name)
    if is_run(path):
        config = run_record.config_of(path).final_network
    elif path.suffix or name in toml.recipes():
        config = toml.read(path).final_network
    else:
        config = configure(architecture_name(name))
    record = toml.assigned({"network": asdict(config)}, assignments)["network"]
    return configure(record.pop("architecture"), **{**record, **fields})


def _fields(config: NetworkConfig) -> dict[str, Any]:
    return {key: value for key, value in asdict(config).items() if key != "architecture"}


def _changed(config: NetworkConfig) -> dict[str, Any]:
    """The fields that are not those of the architecture at full size."""
    from facesdk_training.architectures.registry import ARCHITECTURES

    own = _fields(ARCHITECTURES[config.architecture])
    return {key: value for key, value in _fields(config).items() if value != own[key]}


def _title(name: str, config: NetworkConfig) -> str:
    """NAME, its architecture if it is another name, or what of an architecture was changed."""
    if name.lower() != config.architecture.lower():
        return f"{name} ({config.architecture})"
    changed = (f"{key}={value}" for key, value in _changed(config).items())
    return " ".join([config.architecture, *changed])


def _record(config: NetworkConfig, network: Complexity) -> dict[str, Any]:
    from facesdk_training.complexity import paper

    reference = paper.measure_architecture("A")
    return {
        "architecture": config.architecture,
        **_changed(config),
        **asdict(paper.figures(network, reference)),
        "other_parameters": network.other_parameters,
        "multiply_adds": dict(network.multiply_adds),
        "bytes_moved": network.bytes_moved,
        "layers": [layer.to_dict() for layer in network.layers],
    }


def _layer_table(network: Complexity) -> Table:
    headings = ("input", "output", "weights", "bits", "multiply-adds", "bytes", "per byte")
    rows = tuple(
        (
            layer.name,
            _shape(layer.input_shape),
            _shape(layer.output_shape),
            f"{layer.weights:,}",
            layer.precision if layer.weights else "",
            f"{layer.multiply_adds:,}",
            f"{layer.bytes_moved:,}",
            f"{layer.arithmetic_intensity:.1f}",
        )
        for layer in network.layers
    )
    total = sum(network.multiply_adds.values())
    intensity = f"{total / network.bytes_moved:.1f}"
    counts = (f"{network.parameters:,}", "", f"{total:,}", f"{network.bytes_moved:,}", intensity)
    columns = text.columns(("layer", *headings), whole=True)
    return Table(columns, rows, "One image, layer by layer", (("total", "", "", *counts),))


def _paper_table(title: str, config: NetworkConfig) -> Table:
    from facesdk_training.complexity import paper

    networks = {row: paper.measure_architecture(row) for row in paper.PAPER_TABLE_3}
    networks.setdefault(title, paper.measure_network(config))
    rows = []
    for row, measured in networks.items():
        figures = paper.figures(measured, networks["A"])
        cells = (
            f"{figures.parameters / 1e7:.3f}",
            f"{figures.flops / 1e9:.4f}",
            f"{figures.efficiency:.2f}",
            f"{figures.compression:.2f}",
            f"{figures.compression_without_classifier:.2f}",
        )
        printed = paper.PAPER_TABLE_3.get(row)
        if printed is not None:
            cells = tuple(
                f"{cell} ({theirs})" for cell, theirs in zip(cells, printed.cells(), strict=True)
            )
        rows.append((row, *cells))
    headings = ("parameters, 1e7", "FLOPs, 1e9", "efficiency", "compression", "without Fc6")
    columns = text.columns(("network", *headings), whole=True)
    return Table(columns, tuple(rows), "Ours (the paper's)")


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
