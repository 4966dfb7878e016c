"""Options that verbs of ``facesdk train`` share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.errors import InputError

UNSTATED_LICENSE = "unstated: see the terms of the training data"

ConfigFile = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG",
        help="TOML file, or a shipped one: compactfacenet, compactfacenet-deeper, "
        "compactfacenet-packaged, compactfacenet-permissive, compactfacenet-staged, "
        "mobilefacenet-packaged, paper.",
    ),
]
Data = Annotated[
    Optional[Path],
    typer.Option(
        "--data",
        metavar="DIR",
        help="Prepared shards, or manifest.csv and a zip of aligned crops for each set.",
        show_default="data.folder of the configuration",
    ),
]
Teacher = Annotated[
    Optional[Path],
    typer.Option(
        "--teacher",
        metavar="FILE",
        help="What to learn from: a recognition model, a finished run or a Keras file.",
        show_default="teacher.model of the configuration",
    ),
]
Out = Annotated[Path, typer.Option("--output", "-o", metavar="RUN", help="Folder of the run.")]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the run, with the configuration it began with."),
]
Assignments = Annotated[
    Optional[list[str]],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change the configuration, for example schedule.learning_rate=0.001; repeatable.",
        show_default=False,
    ),
]
Description = Annotated[
    str,
    typer.Option(
        "--training-data", help="The training data in words, for the contract of the model."
    ),
]
License = Annotated[
    str,
    typer.Option("--license", help="Terms of the weights, for the contract of the model."),
]
Cache = Annotated[
    Optional[Path],
    typer.Option(
        "--cache",
        metavar="DIR",
        help="Folder for the teacher's embeddings.",
        show_default="the user's cache folder",
    ),
]
Threads = Annotated[
    Optional[int],
    typer.Option("--threads", min=1, help="Threads to compute with.", show_default="all"),
]


Engine = Annotated[
    Optional[str],
    typer.Option(
        "--engine",
        metavar="NAME",
        help="What trains: keras, or torch (extra `train-torch`), which is made for GPUs.",
        show_default="keras, or what the run began with",
    ),
]
Budget = Annotated[
    Optional[str],
    typer.Option(
        "--budget",
        metavar="TIME",
        help="Time that the run may take, for example 90s, 10m or 1.5h, instead of epochs; "
        "needs --engine torch.",
        show_default="budget of the configuration",
    ),
]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a verb that trains was asked for.

    Attributes:
        config: The configuration's file, or the name of a shipped one.
        changes: Assignments to its keys, in order.
        out: Folder of the run.
        resume: Whether to go on with the run that is there.
        description: The training data in words.
        weights_license: Terms of the weights.
        cache: Folder for the teacher's embeddings; None for the user's cache folder.
        threads: Threads to compute with; None for all processors.
        json: Whether to print JSON.
        engine: Name of the training engine; None for the default, or the run's own.
    """

    config: Path
    changes: tuple[str, ...]
    out: Path
    resume: bool
    description: str
    weights_license: str
    cache: Path | None
    threads: int | None
    json: bool
    engine: str | None = None


def changes(
    data: Path | None,
    teacher: Path | None,
    contract: Path | None,
    assignments: list[str] | None,
    budget: str | None = None,
) -> tuple[str, ...]:
    """Options that stand for keys of the configuration, and the assignments that win over them."""
    named = {"data.folder": data, "teacher.contract": contract}
    given = [f"{key}='''{path}'''" for key, path in named.items() if path is not None]
    if teacher is not None:
        is_file = teacher.suffix.lower() in (".tflite", ".pack")
        own, other = ("model", "network") if is_file else ("network", "model")
        given += [f"teacher.{own}='''{teacher}'''", f"teacher.{other}=''"]
    if budget is not None:
        given.append(f"budget={seconds(budget)}")
    return (*given, *(assignments or ()))


def seconds(text: str) -> float:
    """A time in words, such as ``90s``, ``10m`` or ``1.5h``, in seconds.

    Raises:
        InputError: It is no such time.
    """
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:].lower(), 0.0)
    try:
        number = float(text[:-1])
    except ValueError:
        number = 0.0
    if not 0 < number * unit < math.inf:
        raise InputError(f"--budget must be a time such as 90s, 10m or 1.5h, but is {text!r}")
    return number * unit
