"""``facesdk train``: train the networks that facesdk packages."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from facesdk.cli import options, output
from facesdk.errors import EXIT_INTERRUPTED, InputError, require_extra

if TYPE_CHECKING:
    from facesdk_training.config.run import RunConfig
    from facesdk_training.data.material import Material

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Train binarized networks (needs the extra `train`).",
)

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
        help="Recognition model to learn from.",
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

UNSTATED_LICENSE = "unstated: see the terms of the training data"
CHANGEABLE = ("epochs", "validation.every", "data.workers", "data.folder", "teacher.", "precision")
"""What ``--resume`` lets ``--set`` change."""


@app.callback()
def train() -> None:
    """Train binarized networks (needs the extra `train`)."""


@app.command()
def run(
    config: ConfigFile,
    data: Data = None,
    teacher: Teacher = None,
    contract: options.ContractFile = None,
    out: Out = Path("run"),
    resume: Resume = False,
    assignments: Assignments = None,
    description: Description = "",
    weights_license: License = UNSTATED_LICENSE,
    cache: Cache = None,
    threads: Threads = None,
    json: options.Json = False,
) -> None:
    """Train a network as a configuration says.

    Ctrl-C saves; --resume goes on from there, and ends as an uninterrupted run would. The weights
    with the best figures on held-out people are kept. With TF_CONFIG, several machines work on one
    run: start the same command on each, with the run folder on a shared disk.

    Examples:

        facesdk train run paper --data casia/ -o run --set network.architecture=C

        facesdk train run my.toml -o run --set schedule.learning_rate=0.001 --set epochs=3

        facesdk train run my.toml -o run --resume

        tensorboard --logdir run
    """
    given = [*_paths(data, teacher, contract), *(assignments or ())]
    _train(config, given, out, resume, description, weights_license, cache, threads, json)


@app.command()
def distill(
    data: Data = None,
    teacher: Teacher = None,
    contract: options.ContractFile = None,
    config: Annotated[
        Path, typer.Option(metavar="CONFIG", help="TOML file, or a shipped one.")
    ] = Path("compactfacenet"),
    out: Out = Path("run"),
    resume: Resume = False,
    assignments: Assignments = None,
    description: Description = "",
    weights_license: License = UNSTATED_LICENSE,
    cache: Cache = None,
    threads: Threads = None,
    json: options.Json = False,
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
    given = [*_paths(data, teacher, contract), *(assignments or ())]
    _train(config, given, out, resume, description, weights_license, cache, threads, json)


def _paths(data: Path | None, teacher: Path | None, contract: Path | None) -> list[str]:
    named = {"data.folder": data, "teacher.model": teacher, "teacher.contract": contract}
    return [f"{key}='''{path}'''" for key, path in named.items() if path is not None]


def _train(
    config_file: Path,
    assignments: list[str],
    out: Path,
    resume: bool,
    description: str,
    weights_license: str,
    cache: Path | None,
    threads: int | None,
    json: bool,
) -> None:
    require_extra("tensorflow", extra="train")
    require_extra("larq", extra="train")
    from facesdk_training.config import run as configuration
    from facesdk_training.runs import folder as run_folder

    if resume:
        config = _resumed(out, assignments)
    else:
        config = configuration.read(config_file, assignments)
        if (out / run_folder.CONFIG).exists():
            raise InputError(f"{out} already holds a run: add --resume, or choose another --out")
    _prepare_tensorflow(threads)
    from facesdk_training.data import material as jobs

    strategy = jobs.distribution()
    material = _gather(config, cache or _default_cache())
    if resume:
        jobs.require_same_sources(out, material)
        record = {**run_folder.read_record(out / run_folder.CONFIG), "config": config.to_dict()}
    else:
        record = jobs.record_of(config, material, description, weights_license)
    run_folder.make_folder(out)
    trainer = jobs.trainer(out, config, material, strategy)
    if trainer.is_chief:
        run_folder.write_record(out / run_folder.CONFIG, record)
    _follow(trainer, out, json=json)


def _resumed(out: Path, assignments: list[str]) -> RunConfig:
    from facesdk_training.config import run as configuration
    from facesdk_training.runs import folder as run_folder

    if (out / run_folder.WEIGHTS).exists():
        raise InputError(f"{out} is finished already: convert it with `facesdk convert lce`")
    if not (out / run_folder.CONFIG).is_file():
        raise InputError(f"{out} holds no run to resume: leave out --resume")
    fixed = [text for text in assignments if not text.startswith(CHANGEABLE)]
    if fixed:
        raise InputError(
            f"a resumed run keeps what it began with: leave out {', '.join(fixed)}, or start a new "
            "run"
        )
    record = run_folder.read_record(out / run_folder.CONFIG).get("config")
    if not isinstance(record, dict):
        raise InputError(f"{out} was not written by this version of facesdk")
    return configuration.parse(
        configuration.assigned(record, assignments), str(out / run_folder.CONFIG)
    )


def _prepare_tensorflow(threads: int | None) -> None:
    import cv2
    import tensorflow as tf

    cv2.setNumThreads(1)
    tf.get_logger().setLevel("ERROR")
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def _gather(config: RunConfig, cache: Path) -> Material:
    from facesdk_training.data import material as jobs

    if config.objective != "distillation":
        return jobs.gather(config, cache, lambda done, total: None)
    with output.progress_bar("teacher") as progress:
        return jobs.gather(config, cache, progress)


def _default_cache() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("facesdk") / "teacher"


def _follow(trainer: Any, out: Path, *, json: bool) -> None:
    from facesdk_training.runs import folder as run_folder

    with _on_signal(trainer.stop), output.progress_bar("train") as progress:
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


@contextmanager
def _on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Calls ``stop`` on SIGINT and SIGTERM instead of what they did before."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, lambda *_: stop()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
