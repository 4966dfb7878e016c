"""``facesdk compress``: a smaller or faster network from a finished run or a Keras model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from facesdk.cli import output
from facesdk.cli.options import Json
from facesdk.errors import InputError, require_extra
from facesdk.files import cache_folder
from facesdk_training.cli import options

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_LIST = "methods"
_SCAN = "sensitivity"
_SCANNED_CROPS = 64
_CHAINS = "facesdk_training.compression.recipes"


@app.command()
def compress(
    name: Annotated[
        Optional[str],
        typer.Argument(
            metavar="METHOD",
            help="A method; `methods` lists them; `sensitivity` shows what each group of channels "
            "is worth. With --recipe there is none.",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        Optional[Path],
        typer.Argument(
            metavar="RUN_OR_MODEL",
            help="A finished run, or a Keras model that takes crops as facesdk's networks do.",
            show_default=False,
        ),
    ] = None,
    data: options.Data = None,
    out: options.Out = Path("compressed"),
    assignments: Annotated[
        Optional[list[str]],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the method, for example retraining.steps=500; repeatable.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        Optional[Path],
        typer.Option(
            "--recipe",
            metavar="FILE.toml",
            help="A chain: [[steps]] tables with `method` and its settings; or a shipped one: "
            "deep-compression, prune-distil-binary.",
            show_default=False,
        ),
    ] = None,
    cache: options.Cache = None,
    engine: options.Engine = None,
    example: Annotated[
        bool,
        typer.Option(
            "--example",
            help="Try it in a minute: drawn people, a small network, pruned and shared.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Compress a network by a method, or by a chain of methods.

    The result is a finished run, with thresholds calibrated on held-out people and a report.json.
    An interrupted call goes on where it stopped when it is given again.

    Examples:

        facesdk compress --example -o trial

        facesdk compress methods

        facesdk compress twn run --data faces/ -o ternary --set retraining.steps=1000

        facesdk compress mixed-widths run --data faces/ -o mixed --set share=0.1

        facesdk compress svd network.keras --data faces/ -o factored

        facesdk compress run --recipe chain.toml --data faces/ -o small

        facesdk compress filters run --data faces/ -o narrow --engine torch

        facesdk compress sensitivity run --data faces/ -o scan
    """
    require_extra("tensorflow", extra="train")
    if example:
        if name is not None or run is not None or data is not None or recipe is not None:
            raise InputError("--example brings its own network and faces: give it -o at most")
        _example(out, json=json)
        return
    if name is None:
        raise InputError("name a method (`facesdk compress methods` lists them), or --example")
    if recipe is not None:
        if run is not None or assignments:
            raise InputError(
                "a chain is `facesdk compress RUN --recipe FILE.toml`: its methods and settings "
                "are in the file"
            )
        run = Path(name)
    elif name == _LIST:
        _list(json=json)
        return
    if run is None or data is None:
        raise InputError(
            "name a finished run or a Keras model, and --data with faces to retrain and validate on"
        )
    if recipe is None and name == _SCAN:
        _scan(run, data, out, assignments, json=json)
        return
    require_extra("larq_compute_engine", extra="convert")
    from facesdk_converters.compression import pipeline
    from facesdk_training import engines
    from facesdk_training.compression.steps import step

    steps = _chain(recipe) if recipe is not None else [step(name, _settings(assignments))]
    with output.progress_bar("compress") as progress:
        report = pipeline.compress(
            run,
            steps,
            data,
            out,
            cache or cache_folder("teacher"),
            progress,
            engine=engine or engines.DEFAULT,
        )
    output.emit(report, json=json, text=_text(out, report))


def _example(out: Path, *, json: bool) -> None:
    require_extra("larq_compute_engine", extra="convert")
    from facesdk_converters.compression.example import example

    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} holds something: choose another --output")
    with output.progress_bar("compress") as progress:
        report = example(out, progress)
    output.emit(report, json=json, text=_text(out / "compressed", report))


def _list(*, json: bool) -> None:
    from facesdk_training.compression.methods import every

    rows = [{"name": m.name, "summary": m.summary, "source": m.source} for m in every()]
    text = "\n".join(f"{row['name']:22}{row['summary']}\n{'':22}{row['source']}" for row in rows)
    output.emit(rows, json=json, text=text)


def _scan(
    run: Path,
    data: Path,
    out: Path,
    assignments: list[str] | None,
    *,
    json: bool,
) -> None:
    """Looks at each group of channels alone; leaves OUT/sensitivity.svg."""
    from facesdk.files import make_folder, write_atomic
    from facesdk_converters.compression.beginning import refuse_model_file
    from facesdk_training.compression.faces import crops_of
    from facesdk_training.compression.search.scan import SHARES, scan
    from facesdk_training.keras import loading

    settings = {"shares": list(SHARES), "crops": _SCANNED_CROPS, **_settings(assignments)}
    if set(settings) != {"shares", "crops"}:
        raise InputError("sensitivity takes --set shares=[0.25,0.5] and --set crops=64")
    shares, count = settings["shares"], settings["crops"]
    if not isinstance(count, int) or count < 1:
        raise InputError(f"crops must be a whole number of 1 or more, but got {count!r}")
    if not isinstance(shares, list) or not all(isinstance(one, float) for one in shares):
        raise InputError(f"shares must be a list such as [0.25,0.5], but got {shares!r}")
    refuse_model_file(run)
    model = loading.load(run).model
    with output.progress_bar(_SCAN) as progress:
        found = scan(model, crops_of(data, model, count), shares, progress)
    make_folder(out)
    path = out / "sensitivity.svg"
    write_atomic(path, found.chart().encode())
    header = "".join(f"{share:>9.1%}" for share in found.shares)
    width = max(len(row.name) for row in found.groups)
    rows = "\n".join(
        f"{row.name:{width}}{row.channels:>9}" + "".join(f"{one:>9.4f}" for one in row.damage)
        for row in found.groups
    )
    text = (
        f"1 - mean cosine of {found.crops} embeddings where a share of one group leaves\n"
        f"{'group':{width}}{'channels':>9}{header}\n{rows}\n{path}"
    )
    output.emit({**asdict(found), "chart": str(path)}, json=json, text=text)


def _settings(assignments: list[str] | None) -> Mapping[str, Any]:
    from facesdk_training.config import toml

    return toml.assigned({}, assignments or ())


def _chain(path: Path) -> list[Any]:
    from facesdk_training.compression.steps import step
    from facesdk_training.config import toml

    record = toml.record_of(path, _CHAINS)
    tables = record.get("steps")
    if set(record) != {"steps"} or not isinstance(tables, list) or not tables:
        raise InputError(f"{path} must hold [[steps]] tables and nothing else")
    found = []
    for number, table in enumerate(tables):
        if not isinstance(table, dict) or "method" not in table:
            raise InputError(f"{path}: steps.{number} has no method")
        settings = {key: value for key, value in table.items() if key != "method"}
        found.append(step(str(table["method"]), settings))
    return found


def _text(out: Path, report: dict[str, Any]) -> str:
    lines = [f"{out}: finished; facesdk convert takes it"]
    rows = [("before", report["before"]), *((s["method"], s["after"]) for s in report["steps"])]
    for name, row in rows:
        accuracy = 100 * row["validation_accuracy"]
        lines.append(
            f"{name}: {row['nonzero_weights']:,} of {row['weights']:,} weights, "
            f"{row['multiply_adds']:,} multiply-adds; {row['file_target']} file of "
            f"{row['file_bytes']:,} bytes, {row['file_packed_bytes']:,} packed, "
            f"{row['file_latency_ratio']:.2f} of the time; "
            f"held-out accuracy {accuracy:.2f} %"
        )
    lines += [
        f"{row['method']}: {part} was not kept: {one['metric']} fell from {one['before']:.4f} to "
        f"{one['after']:.4f}"
        for row in report["steps"]
        for part, one in row.get("retrained", {}).items()
        if one["kept"] == "before"
    ]
    return "\n".join(lines)
