"""``facesdk train detector``, ``facesdk data scenes``: a face finder from photos to weights."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from facesdk.cli import output
from facesdk.cli.options import Json
from facesdk.errors import EXIT_INTERRUPTED, InputError, require_extra
from facesdk_training.cli import options
from facesdk_training.cli.interruption import on_signal

if TYPE_CHECKING:
    from facesdk_training.detector.config import FinderConfig


def train(
    scenes: Annotated[
        list[Path],
        typer.Option(
            "--scenes",
            metavar="DIR",
            help="Photos of `facesdk data scenes`; repeatable.",
            show_default=False,
        ),
    ],
    config: Annotated[
        Path,
        typer.Option("--config", metavar="CONFIG", help="TOML file, or a shipped one: finder."),
    ] = Path("finder"),
    out: options.Out = Path("finder"),
    resume: options.Resume = False,
    assignments: options.Assignments = None,
    start: Annotated[
        Optional[Path],
        typer.Option(
            "--start", metavar="FILE", help="finder.npz to begin with.", show_default="random"
        ),
    ] = None,
    budget: Annotated[
        Optional[str],
        typer.Option(
            "--budget",
            metavar="TIME",
            help="Time that the run may take, for example 90s, 10m or 1.5h.",
            show_default="schedule.budget",
        ),
    ] = None,
    device: Annotated[
        Optional[str],
        typer.Option(
            "--device", help="cuda, cuda:1 or cpu.", show_default="cuda where there is one"
        ),
    ] = None,
    bfloat16: Annotated[
        bool, typer.Option("--bfloat16", help="Compute convolutions in bfloat16.")
    ] = False,
    channels_last: Annotated[
        bool, typer.Option("--channels-last", help="Keep channels beside each other in memory.")
    ] = False,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network (PyTorch 2).")
    ] = False,
    threads: options.Threads = None,
    json: Json = False,
) -> None:
    """Train a face finder on generated scenes (needs the extra `train-torch`).

    Scenes are made on the device from labelled photos: parts of photos, scaled, turned, joined and
    cut by borders, in front of textures. The learning rate follows the clock: a faster computer
    sees more scenes in the same time. Ctrl-C saves; --resume goes on.

    The folder gets log.jsonl (recall by size, precision and points on photos that are held out) and
    finder.npz, which `facesdk convert finder` makes a model file of.

    Examples:

        facesdk data scenes photos/ -o scenes

        facesdk train detector --scenes scenes -o finder --budget 10m --bfloat16

        facesdk train detector --scenes scenes --scenes faceless --set schedule.batch=8 --device cpu

        facesdk train detector --scenes scenes -o finder --resume
    """
    require_extra("torch", extra="train-torch")
    require_extra("pydantic", extra="train-torch")
    asked = _Asked(scenes, config, out, resume, tuple(assignments or ()), start, budget)
    _train(asked, device, bfloat16, channels_last, compiled, threads, json=json)


@dataclass(frozen=True, slots=True)
class _Asked:
    scenes: list[Path]
    config: Path
    out: Path
    resume: bool
    assignments: tuple[str, ...]
    start: Path | None
    budget: str | None

    @property
    def changes(self) -> tuple[str, ...]:
        """All that changes the configuration; assignments win."""
        named = () if self.start is None else (f"start='''{self.start}'''",)
        timed = (
            () if self.budget is None else (f"schedule.budget={options.seconds(self.budget)!r}",)
        )
        return (*named, *timed, *self.assignments)


def _train(
    asked: _Asked,
    device: str | None,
    bfloat16: bool,
    channels_last: bool,
    compiled: bool,
    threads: int | None,
    *,
    json: bool,
) -> None:
    import torch

    from facesdk_training.detector import trainer as trainers

    config = _config(asked)
    if threads is not None:
        torch.set_num_threads(threads)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    _require_device(device)
    execution = trainers.Execution(device, bfloat16, channels_last, compiled)
    trainer = trainers.FinderTrainer(asked.out, config, asked.scenes, execution)
    seconds = config.schedule.budget
    with on_signal(trainer.stop), output.progress_bar("train") as progress:
        finished = trainer.train(
            lambda clock, steps, speed: progress(
                round(min(clock, seconds)), round(seconds), f"{speed:.0f} scenes/s"
            )
        )
    if not finished:
        typer.echo("facesdk: interrupted and saved; go on with --resume", err=True)
        raise typer.Exit(EXIT_INTERRUPTED)
    _tell(asked.out, trainer.scenes_seen, json=json)


def _config(asked: _Asked) -> FinderConfig:
    from facesdk_training.detector import toml
    from facesdk_training.detector import trainer as trainers

    if asked.resume:
        return trainers.resumed_config(asked.out, asked.changes)
    if (asked.out / trainers.CONFIG).exists():
        raise InputError(
            f"{asked.out} already holds a run: add --resume, or choose another --output"
        )
    return toml.read(asked.config, asked.changes)


def _require_device(name: str) -> None:
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"unknown device {name!r}: use cuda, cuda:1 or cpu") from None
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"a finder is trained on cuda or cpu, not on {name}")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("there is no CUDA device: use --device cpu")


def _tell(out: Path, seen: int, *, json: bool) -> None:
    from facesdk_training.detector import trainer as trainers

    last = trainers.last_record(out)
    held = last["held_out"]
    points = "-" if held["points"] is None else f"{held['points']:.3f} eye distances"
    lines = [
        f"{out}: {seen:,d} scenes, {last['seconds']:.0f} s",
        f"held out: recall {100 * held['recall']:.1f} %, precision {100 * held['precision']:.1f} % "
        f"at score {held['threshold']:g}; points {points} away",
        f"a model file of it: facesdk convert finder {out / trainers.WEIGHTS} -o finder.tflite",
    ]
    output.emit({"run": str(out), **last}, json=json, text="\n".join(lines))


def scenes(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", show_default=False)],
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the small photos.")
    ] = Path("scenes"),
    faceless: Annotated[
        bool,
        typer.Option("--faceless", help="The photos show no faces; those that do are left out."),
    ] = False,
    limit: Annotated[
        Optional[int],
        typer.Option("--limit", min=1, help="At most so many photos, chosen at random."),
    ] = None,
    side: Annotated[
        int,
        typer.Option("--side", min=64, help="Longer side of the small photos, a multiple of 8."),
    ] = 224,
    close: Annotated[
        float,
        typer.Option(
            "--close", min=0, max=1, help="Share of photos that are cut around their largest face."
        ),
    ] = 0.4,
    quality: Annotated[
        int, typer.Option("--quality", min=1, max=100, help="Of the WebP files.")
    ] = 70,
    workers: Annotated[
        Optional[int],
        typer.Option("--workers", min=1, help="Threads.", show_default="one per processor"),
    ] = None,
    json: Json = False,
) -> None:
    """Label photos for `facesdk train detector`: the packaged MTCNN says where the faces are.

    Take photos with surroundings, not crops; each is kept small (some 5 kB) with its faces and
    their five points. An interrupted run goes on when the same command is given again; photos of
    another folder can be added.

    Examples:

        facesdk data scenes photos/ -o scenes

        facesdk data scenes landscapes/ -o faceless --faceless
    """
    from facesdk_training.detector.scenes.labelling import LabellingOptions, label

    asked = LabellingOptions(side, close, quality, faceless, limit)
    with output.progress_bar("label") as progress:
        report = label(
            photos, out, asked, workers=workers or os.cpu_count() or 1, progress=progress
        )
    lines = [
        f"{out}: {report.photos:,d} of {report.looked_at:,d} photos, {report.faces:,d} faces",
        *([f"{report.unreadable:,d} cannot be read"] if report.unreadable else []),
    ]
    output.emit({"scenes": str(out), **report.to_dict()}, json=json, text="\n".join(lines))
