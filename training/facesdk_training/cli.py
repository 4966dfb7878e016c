"""``facesdk train``: train the networks that facesdk packages."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from facesdk.cli import options, output
from facesdk.errors import EXIT_INTERRUPTED, InputError, require_extra

if TYPE_CHECKING:
    from facesdk.embedding import Embedder
    from facesdk_training.data import FaceCrops
    from facesdk_training.distillation import DistillationConfig
    from facesdk_training.split import Split

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Train binarized networks (needs the extra `train`).",
)


@app.callback()
def train() -> None:
    """Train binarized networks (needs the extra `train`)."""


@app.command()
def distill(
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Aligned 112x112 face crops: manifest.csv and a zip of images for each set.",
            show_default=False,
        ),
    ],
    teacher: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Recognition model to learn from.", show_default=False),
    ],
    contract: options.ContractFile = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run.")
    ] = Path("run"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run, with the options it began with.")
    ] = False,
    variant: Annotated[
        Optional[str],
        typer.Option(help="QB: 1-bit weights and activations; float: its twin.", show_default="QB"),
    ] = None,
    epochs: Annotated[
        Optional[float],
        typer.Option(
            help="Passes over the crops. With --resume it changes the length of the schedule.",
            show_default="6",
        ),
    ] = None,
    batch_size: Annotated[
        Optional[int], typer.Option(min=2, help="Crops a step.", show_default="64")
    ] = None,
    learning_rate: Annotated[
        Optional[float], typer.Option(help="Peak learning rate of Adam.", show_default="0.002")
    ] = None,
    validation_share: Annotated[
        Optional[float],
        typer.Option(
            min=0.0, max=1.0, help="Share of the identities to hold out.", show_default="0.12"
        ),
    ] = None,
    validation_set: Annotated[
        Optional[list[str]],
        typer.Option(
            help="Set whose identities may be held out; repeatable.",
            show_default="celeba10k, celeba_wild, glint",
        ),
    ] = None,
    validate_every: Annotated[
        Optional[int],
        typer.Option(min=1, help="Steps between validations and saves.", show_default="650"),
    ] = None,
    seed: Annotated[
        Optional[int], typer.Option(min=0, help="Seed of all randomness.", show_default="1")
    ] = None,
    bfloat16: Annotated[
        Optional[bool],
        typer.Option(
            "--bfloat16",
            help="Binary convolutions in bfloat16: faster on a CPU or GPU that has it.",
            show_default=False,
        ),
    ] = None,
    description: Annotated[
        str, typer.Option(help="The training data in words, for the contract of the model.")
    ] = "",
    weights_license: Annotated[
        str, typer.Option("--license", help="Terms of the weights, for the contract of the model.")
    ] = "unstated: see the terms of the training data",
    cache: Annotated[
        Optional[Path],
        typer.Option(
            metavar="DIR",
            help="Folder for the teacher's embeddings.",
            show_default="the user's cache folder",
        ),
    ] = None,
    threads: Annotated[
        Optional[int], typer.Option(min=1, help="Threads to compute with.", show_default="all")
    ] = None,
    json: options.Json = False,
) -> None:
    """Distil a face recognition model into CompactFaceNet.

    The student learns to place each crop where the teacher places it; labels only serve to hold out
    identities for validation and for the thresholds. Ctrl-C saves; --resume goes on from there, and
    ends as an uninterrupted run would. Convert a finished run with `facesdk convert lce`.

    Examples:

        facesdk train distill --data faces/ --teacher mobilefacenet.tflite --contract teacher.json

        facesdk train distill --data faces/ --teacher teacher.tflite -o run --epochs 12 --bfloat16

        facesdk train distill --data faces/ --teacher teacher.tflite -o run --resume
    """
    require_extra("tensorflow", extra="train")
    require_extra("larq", extra="train")
    _prepare_tensorflow(threads)
    from facesdk.embedding import Embedder
    from facesdk_training import runs
    from facesdk_training.data import FaceCrops
    from facesdk_training.distillation import Distillation
    from facesdk_training.split import split_by_identity

    overrides = _given(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        validation_share=validation_share,
        validation_sets=None if validation_set is None else tuple(validation_set),
        validate_every=validate_every,
        seed=seed,
        convolution_dtype="bfloat16" if bfloat16 else None,
    )
    config = _resumed(out, overrides, variant) if resume else _fresh(out, overrides, variant)
    model = Embedder.load(teacher, options.read_contract(contract))
    _require_equal_length(model, config)
    crops = FaceCrops(data)
    targets = _embed(model, crops, cache)
    split = split_by_identity(
        crops.records,
        targets,
        validation_sets=config.validation_sets,
        validation_share=config.validation_share,
    )
    sources = {"data_sha256": crops.digest, "teacher_sha256": model.model_id}
    if resume:
        record = runs.read_record(out / runs.CONFIG)
        _require_same_sources(out, record, sources)
    else:
        record = {
            **sources,
            "teacher": model.name,
            "training_data": description or _describe(crops, split),
            "license": weights_license,
        }
    runs.make_folder(out)
    runs.write_record(
        out / runs.CONFIG,
        {
            **record,
            "crops": {
                "train": len(split.train),
                "validation": len(split.validation),
                "excluded": split.excluded,
            },
            "distillation": dataclasses.asdict(config),
        },
    )
    _run(Distillation(out, config, crops, targets, split), out, json=json)


def _prepare_tensorflow(threads: int | None) -> None:
    import cv2
    import tensorflow as tf

    cv2.setNumThreads(1)
    tf.get_logger().setLevel("ERROR")
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _fresh(run: Path, overrides: dict[str, Any], variant: str | None) -> DistillationConfig:
    from facesdk_training import runs
    from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
    from facesdk_training.distillation import DistillationConfig

    if (run / runs.CONFIG).exists():
        raise InputError(f"{run} already holds a run: add --resume, or choose another --out")
    network = CompactFaceNetConfig(**_given(variant=variant))
    return DistillationConfig(network=network, **overrides)


def _resumed(run: Path, overrides: dict[str, Any], variant: str | None) -> DistillationConfig:
    from facesdk_training import runs
    from facesdk_training.distillation import DistillationConfig

    if (run / runs.WEIGHTS).exists():
        raise InputError(f"{run} is finished already: convert it with `facesdk convert lce`")
    if not (run / runs.CONFIG).is_file():
        raise InputError(f"{run} holds no run to resume: leave out --resume")
    record = runs.read_record(run / runs.CONFIG)
    try:
        config = DistillationConfig.from_dict(record["distillation"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{run} was not written by this version of facesdk: {error!r}") from None
    changed = [
        f"--{name.replace('_', '-')}"
        for name, value in overrides.items()
        if name != "epochs" and value != getattr(config, name)
    ]
    if variant not in (None, config.network.variant):
        changed.append("--variant")
    if changed:
        raise InputError(
            f"{run} began with another {', '.join(changed)}: leave it out, or start a new run"
        )
    return dataclasses.replace(config, **_given(epochs=overrides.get("epochs")))


def _require_equal_length(teacher: Embedder, config: DistillationConfig) -> None:
    if teacher.dim != config.network.embedding_length:
        raise InputError(
            f"the teacher's embedding has {teacher.dim} numbers, but the student's has "
            f"{config.network.embedding_length}: use a teacher of that length"
        )


def _require_same_sources(run: Path, record: dict[str, Any], sources: dict[str, str]) -> None:
    for key, digest in sources.items():
        if record.get(key) != digest:
            raise InputError(
                f"{run} began with another {key.split('_')[0]} (SHA-256 {record.get(key)}): "
                "give the same one, or start a new run"
            )


def _embed(teacher: Embedder, crops: FaceCrops, cache: Path | None) -> Any:
    import platformdirs

    from facesdk_training.teacher import teacher_embeddings

    folder = cache or platformdirs.user_cache_path("facesdk") / "teacher"
    with output.progress_bar("teacher") as progress:
        return teacher_embeddings(teacher, crops, folder, progress)


def _describe(crops: FaceCrops, split: Split) -> str:
    sets = sorted({record.set for record in crops.records})
    return f"{len(split.train)} face crops of the sets {', '.join(sets)}"


def _run(distillation: Any, run: Path, *, json: bool) -> None:
    from facesdk_training import runs

    with _on_signal(distillation.stop), output.progress_bar("distil") as progress:
        finished = distillation.train(
            lambda step, loss: progress(step, distillation.total_steps, f"distil, loss {loss:.4f}")
        )
    if not finished:
        typer.echo(
            f"facesdk: interrupted, saved at step {distillation.step} of "
            f"{distillation.total_steps}; go on with --resume",
            err=True,
        )
        raise typer.Exit(EXIT_INTERRUPTED)
    report = {
        "run": str(run),
        "steps": distillation.step,
        "weights_sha256": runs.weights_sha256(run),
        **runs.read_record(run / runs.CALIBRATION),
    }
    lines = [
        f"{run}: {distillation.step} steps",
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
