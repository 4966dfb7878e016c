"""``facesdk train``: train the networks that facesdk packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesdk.cli import output
from facesdk.cli.options import ContractFile, Json
from facesdk.errors import EXIT_INTERRUPTED, InputError, require_extra
from facesdk.files import cache_folder, make_folder
from facesdk_training.cli import detector, options, runs
from facesdk_training.cli.interruption import on_signal
from facesdk_training.cli.options import RunOptions

if TYPE_CHECKING:
    from facesdk_training.config.run import RunConfig
    from facesdk_training.data.material import Material
    from facesdk_training.data.teacher import TeacherRuntime
    from facesdk_training.engines import Trainer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Train binarized networks (needs the extra `train`).",
)


@app.callback()
def train() -> None:
    """Train binarized networks (needs the extra `train`)."""


@app.command()
def run(
    config: options.ConfigFile,
    data: options.Data = None,
    teacher: options.Teacher = None,
    contract: ContractFile = None,
    out: options.Out = Path("run"),
    resume: options.Resume = False,
    assignments: options.Assignments = None,
    description: options.Description = "",
    weights_license: options.License = options.UNSTATED_LICENSE,
    cache: options.Cache = None,
    threads: options.Threads = None,
    engine: options.Engine = None,
    budget: options.Budget = None,
    json: Json = False,
) -> None:
    """Train a network as a configuration says.

    Ctrl-C saves; --resume goes on from there, and ends as an uninterrupted run would. The weights
    with the best figures on held-out people are kept. With TF_CONFIG, several machines work on one
    run: start the same command on each, with the run folder on a shared disk.

    Examples:

        facesdk train run paper --data casia/ -o run --set network.architecture=C

        facesdk train run my.toml -o run --set schedule.learning_rate=0.001 --set epochs=3

        facesdk train run my.toml -o run --resume

        facesdk train run my.toml -o run --engine torch --budget 10m

        tensorboard --logdir run
    """
    changes = options.changes(data, teacher, contract, assignments, budget)
    _train(
        RunOptions(
            *(config, changes, out, resume, description, weights_license, cache, threads, json),
            engine,
        )
    )


@app.command()
def distill(
    data: options.Data = None,
    teacher: options.Teacher = None,
    contract: ContractFile = None,
    config: Annotated[
        Path, typer.Option("--config", metavar="CONFIG", help="TOML file, or a shipped one.")
    ] = Path("compactfacenet"),
    out: options.Out = Path("run"),
    resume: options.Resume = False,
    assignments: options.Assignments = None,
    description: options.Description = "",
    weights_license: options.License = options.UNSTATED_LICENSE,
    cache: options.Cache = None,
    threads: options.Threads = None,
    engine: options.Engine = None,
    budget: options.Budget = None,
    json: Json = False,
) -> None:
    """Distil a face recognition model into a small one, by default CompactFaceNet.

    The student learns to place each crop where the teacher places it; labels only serve to hold out
    identities for validation and for the thresholds. The rest is as in `facesdk train run`. Convert
    a finished run with `facesdk convert lce`.

    Examples:

        facesdk train distill --data faces/ --teacher mobilefacenet.tflite --contract teacher.json

        facesdk train distill --data faces/ --teacher teacher.tflite --config compactfacenet-staged

        facesdk train distill -o run --resume
    """
    changes = options.changes(data, teacher, contract, assignments, budget)
    _train(
        RunOptions(
            *(config, changes, out, resume, description, weights_license, cache, threads, json),
            engine,
        )
    )


app.command("detector")(detector.train)
runs.register(app)


def _train(asked: RunOptions) -> None:
    for module in ("cv2", "pydantic"):
        require_extra(module, extra="train-torch" if asked.engine == "torch" else "train")
    from facesdk_training import engines
    from facesdk_training.config import toml
    from facesdk_training.runs import folder as run_folder
    from facesdk_training.runs import record as run_record

    out = asked.out
    if asked.resume:
        config = run_record.resumed_config(out, asked.changes)
        name = run_record.engine_of(out)
        if asked.engine not in (None, name):
            raise InputError(f"{out} was begun with --engine {name}, and goes on with it")
    else:
        config = toml.read(asked.config, asked.changes)
        name = asked.engine or engines.DEFAULT
        if (out / run_folder.CONFIG).exists():
            raise InputError(f"{out} already holds a run: add --resume, or choose another --output")
        run_folder.require_no_remains(out)
    engine = engines.start(name, asked.threads)
    if asked.resume:
        saved = engine.saved_step(out)
        run_record.require_same_stages(out, config, saved)
        if saved is None:
            typer.echo(f"facesdk: {out} has no checkpoint yet: it begins at step 0", err=True)
    engine.require_possible(config)
    runtime = engine.teacher_runtime(config)
    material = _gather(config, asked.cache or cache_folder("teacher"), runtime)
    if asked.resume:
        run_record.require_same_sources(out, material)
        began = run_folder.read_record(out / run_folder.CONFIG)
        record = {**began, "engine": name, "config": config.to_dict()}
    else:
        record = run_record.record_of(
            config, name, material, asked.description, asked.weights_license
        )
    make_folder(out)
    trainer = engine.trainer(out, config, material)
    if trainer.is_chief:
        run_folder.write_record(out / run_folder.CONFIG, record)
        if material.projection is not None:
            run_folder.write_projection(out, material.projection)
    for note in trainer.notes:
        typer.echo(f"facesdk: {note}", err=True)
    _follow(trainer, out, json=asked.json)


def _gather(config: RunConfig, cache: Path, runtime: TeacherRuntime) -> Material:
    from facesdk_training.data import material

    if config.objective != "distillation":
        return material.gather(config, None)
    teacher = None
    if config.teacher.network:
        from facesdk_training.keras.embedder import load_keras

        teacher = load_keras(Path(config.teacher.network), None, None)
    with output.progress_bar("teacher") as progress:
        return material.gather(config, cache, progress, teacher=teacher, runtime=runtime)


def _follow(trainer: Trainer, out: Path, *, json: bool) -> None:
    from facesdk_training.runs import folder as run_folder

    with on_signal(trainer.stop), output.progress_bar("train") as progress:
        finished = trainer.train(
            lambda step, loss, speed: progress(
                step, trainer.total_steps, f"loss {loss:.4f}, {speed:.0f} images/s"
            )
        )
    if not finished:
        typer.echo(
            f"facesdk: interrupted, saved at step {trainer.step} of {trainer.total_steps}; "
            "go on with --resume",
            err=True,
        )
        raise typer.Exit(EXIT_INTERRUPTED)
    if not trainer.is_chief:
        return
    report = {
        "run": str(out),
        "steps": trainer.step,
        "weights_sha256": run_folder.weights_sha256(out),
        **run_folder.read_record(out / run_folder.CALIBRATION),
    }
    lines = [
        f"{out}: {trainer.step} steps",
        f"validation accuracy {100 * report['validation_accuracy']:.2f} % "
        f"({report['crops']} crops of {report['identities']} held-out identities, all pairs)",
        *(
            f"FMR {row['fmr']:g}: threshold {row['similarity']:.4f}, FNMR {row['fnmr']:.4f} "
            f"({row['positive_pairs']} positive, {row['negative_pairs']} negative pairs)"
            for row in report["thresholds"]
        ),
    ]
    output.emit(report, json=json, text="\n".join(lines))
