"""Options that verbs of ``facesdk train`` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

import typer

UNSTATED_LICENSE = "unstated: see the terms of the training data"

ConfigFile = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG",
        help="TOML file, or a shipped one: compactfacenet, compactfacenet-deeper, "
        "compactfacenet-staged, paper.",
    ),
]
Data = Annotated[
    Optional[Path],
    typer.Option(
        metavar="DIR",
        help="Prepared shards, or manifest.csv and a zip of aligned crops for each set.",
        show_default="data.folder of the configuration",
    ),
]
Teacher = Annotated[
    Optional[Path],
    typer.Option(
        metavar="FILE",
        help="What to learn from: a recognition model, a finished run or a Keras file.",
        show_default="teacher.model of the configuration",
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run.")]
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
    str, typer.Option(help="The training data in words, for the contract of the model.")
]
License = Annotated[
    str,
    typer.Option("--license", help="Terms of the weights, for the contract of the model."),
]
Cache = Annotated[
    Optional[Path],
    typer.Option(
        metavar="DIR",
        help="Folder for the teacher's embeddings.",
        show_default="the user's cache folder",
    ),
]
Threads = Annotated[
    Optional[int], typer.Option(min=1, help="Threads to compute with.", show_default="all")
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


def changes(
    data: Path | None,
    teacher: Path | None,
    contract: Path | None,
    assignments: list[str] | None,
) -> tuple[str, ...]:
    """Options that stand for keys of the configuration, and the assignments that win over them."""
    named = {"data.folder": data, "teacher.contract": contract}
    given = [f"{key}='''{path}'''" for key, path in named.items() if path is not None]
    if teacher is not None:
        is_file = teacher.suffix.lower() in (".tflite", ".pack")
        own, other = ("model", "network") if is_file else ("network", "model")
        given += [f"teacher.{own}='''{teacher}'''", f"teacher.{other}=''"]
    return (*given, *(assignments or ()))
