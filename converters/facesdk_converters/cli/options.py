"""Verbs of ``facesdk convert`` that follow the common flow.

A target adds a verb by a function that takes the options of its own and returns a
:class:`~facesdk_converters.targets.Target`; the common options are put in front of them::

    @verb(app, "binary-weights")
    def binary_weights(activations: Annotated[int, typer.Option(...)] = 32) -> Target:
        \"\"\"Help text with examples.\"\"\"
        from facesdk_converters.targets.binary_weights import target

        return target(activations)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional, get_type_hints

import typer

from facesdk.cli import options, output
from facesdk.errors import InputError, require_extra
from facesdk_converters.targets.target import Target

if TYPE_CHECKING:
    from facesdk_converters.convert import Converted


def verb(app: typer.Typer, name: str) -> Callable[[Callable[..., Target]], Callable[..., None]]:
    """Registers a verb for a target.

    Args:
        app: The group it belongs to.
        name: Its name.

    Returns:
        A decorator for a function of the verb's own options, all keyword arguments annotated for
        Typer, that returns the target. It must import what is heavy only when it is called.
    """

    def register(make_target: Callable[..., Target]) -> Callable[..., None]:
        own = inspect.signature(make_target).parameters

        def run(**values: Any) -> None:
            require_extra("larq_compute_engine", extra="convert")
            own_values = {key: values.pop(key) for key in own}
            _run(lambda: make_target(**own_values), **values)

        hints = get_type_hints(make_target, include_extras=True)
        common = dict(inspect.signature(_common).parameters)
        common_hints = get_type_hints(_common, include_extras=True)
        parameters = [
            parameter.replace(
                kind=inspect.Parameter.KEYWORD_ONLY, annotation={**common_hints, **hints}[key]
            )
            for key, parameter in {**common, **own}.items()
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__ = make_target.__doc__
        return app.command(name)(run)

    return register


def _common(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Run of `facesdk train`, .h5, .keras or float32 .tflite file, or SavedModel.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The .tflite file to write.", show_default=False
        ),
    ],
    custom: Annotated[
        Optional[list[str]],
        typer.Option(
            "--custom",
            metavar="MODULE:NAME",
            help="A custom object of the network; its module is imported. Repeatable.",
        ),
    ] = None,
    verify_on: Annotated[
        Optional[Path],
        typer.Option(
            metavar="DIR",
            help="Photos or aligned crops to compare file and source on, besides the samples.",
        ),
    ] = None,
    no_verify: Annotated[
        bool,
        typer.Option("--no-verify", help="Do not compare; the file's contract says so."),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Print each operator of the file, and why it is no better."),
    ] = False,
    pack: Annotated[
        bool, typer.Option("--pack", help="Write the entropy-coded container .tflite.pack.")
    ] = False,
    name: Annotated[Optional[str], typer.Option(help="Name of the model.")] = None,
    task: Annotated[
        Optional[str],
        typer.Option(help="`recognition` if it embeds aligned faces. A run says it itself."),
    ] = None,
    color: Annotated[
        Optional[str], typer.Option(help="Channel order it was trained on: RGB or BGR.")
    ] = None,
    mean: Annotated[
        Optional[float], typer.Option(help="What is subtracted from pixels of 0 to 255.")
    ] = None,
    scale: Annotated[Optional[float], typer.Option(help="What then divides them.")] = None,
    license_words: Annotated[
        Optional[str], typer.Option("--license", help="Licence of its weights.")
    ] = None,
    training_data: Annotated[
        Optional[str], typer.Option(help="What it was trained on, in words.")
    ] = None,
    json: options.Json = False,
) -> None:
    """The common options."""


def _run(
    make_target: Callable[[], Target],
    *,
    source: Path,
    out: Path,
    custom: list[str] | None,
    verify_on: Path | None,
    no_verify: bool,
    explain: bool,
    pack: bool,
    json: bool,
    task: str | None,
    **facts: Any,
) -> None:
    if no_verify and verify_on is not None:
        raise InputError("--no-verify and --verify-on exclude each other")
    if task not in (None, "recognition"):
        raise InputError(f"--task must be recognition, but got {task!r}; leave it out for others")
    from facesdk_converters.convert import Facts, Request, convert

    facts["license"] = facts.pop("license_words")
    request = Request(
        source=source,
        output=out,
        custom=tuple(custom or ()),
        facts=Facts(task=task, **facts),
        verify=not no_verify,
        verify_on=verify_on,
        explain=explain,
        pack=pack,
    )
    target = make_target()
    with output.progress_bar("convert") as advance:
        converted = convert(request, target, report=advance)
    output.emit(converted.to_dict(), json=json, text=_in_words(converted))


def _in_words(converted: Converted) -> str:
    agreement = converted.agreement
    lines = []
    if converted.explanation is not None:
        from facesdk_converters.inspection.explanation_text import as_text

        lines.append(as_text(converted.explanation))
    size = f"{converted.bytes:,} bytes"
    if converted.packed_bytes is not None:
        size += f" packed to {converted.packed_bytes:,}"
    lines.append(
        f"{converted.path}: {size}, "
        + ("not compared with its source" if agreement is None else str(agreement))
    )
    lines += converted.description.splitlines()
    if converted.contract.task == "other":
        lines.append(
            "facesdk does not know what it is for: if it embeds aligned faces, give --task "
            "recognition, --mean and --scale"
        )
    return "\n".join(lines)
