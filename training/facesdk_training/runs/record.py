"""What a run says about itself in ``config.json``, and what a resumed one must have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facesdk.errors import InputError
from facesdk_training.config import toml
from facesdk_training.config.run import RunConfig
from facesdk_training.config.stages import require_same_beginning, stages_of, total_steps
from facesdk_training.data.material import Material
from facesdk_training.runs import folder as run_folder

CHANGEABLE = (
    *("epochs", "validation.every", "data.workers", "data.folder", "teacher.", "precision"),
    *("stages", "budget"),
)
"""Keys that a resumed run may change, and beginnings of such; stages that it has entered may not,
see :func:`require_same_stages`."""

FIRST_ENGINE = "keras"
"""The engine of runs that do not name theirs: there was no other."""


def record_of(
    config: RunConfig, engine: str, material: Material, description: str, weights_license: str
) -> dict[str, Any]:
    """The content of a new run's ``config.json``.

    Args:
        config: The configuration; each stage says its whole network.
        engine: A key of :data:`facesdk_training.engines.ENGINES`.
        material: What the run learns from.
        description: The training data in words; empty for a count of the crops.
        weights_license: Terms of the weights.
    """
    sets = sorted({record.set for record in material.crops.records})
    words = f"{len(material.split.train)} face crops of the sets {', '.join(sets)}"
    return {
        **material.sources,
        "engine": engine,
        "teacher": material.teacher,
        "training_data": description or words,
        "license": weights_license,
        "crops": {
            "train": len(material.split.train),
            "validation": len(material.split.validation),
            "excluded": material.split.excluded,
        },
        "config": config.to_dict(),
    }


def config_of(run: Path, assignments: Sequence[str] = ()) -> RunConfig:
    """The configuration that a run was begun with.

    Args:
        run: The run folder.
        assignments: Changes, ``key=value``, see :func:`facesdk_training.config.toml.read`.

    Raises:
        InputError: The folder is no run of this version, or the result is no configuration.
    """
    record = run_folder.read_record(run / run_folder.CONFIG)
    if not isinstance(record.get("config"), dict):
        raise InputError(f"{run} was not written by this version of facesdk")
    changed = toml.assigned(record["config"], assignments)
    return toml.parse(changed, str(run / run_folder.CONFIG))


def engine_of(run: Path) -> str:
    """The training engine of a run, a key of :data:`facesdk_training.engines.ENGINES`."""
    return str(run_folder.read_record(run / run_folder.CONFIG).get("engine", FIRST_ENGINE))


def resumed_config(run: Path, assignments: Sequence[str]) -> RunConfig:
    """The configuration that an unfinished run goes on with.

    Args:
        run: The run folder.
        assignments: Changes of keys in :data:`CHANGEABLE`.

    Raises:
        InputError: The run is finished, the folder holds none, or another key would change.
    """
    if (run / run_folder.WEIGHTS).exists():
        raise InputError(f"{run} is finished already: convert it with `facesdk convert lce`")
    if not (run / run_folder.CONFIG).is_file():
        raise InputError(f"{run} holds no run to resume: leave out --resume")
    fixed = [text for text in assignments if not text.strip().startswith(CHANGEABLE)]
    if fixed:
        raise InputError(
            f"a resumed run keeps what it began with: leave out {', '.join(fixed)}, or start a new "
            "run"
        )
    return config_of(run, assignments)


def require_same_stages(run: Path, config: RunConfig, saved_step: int | None) -> None:
    """Raises unless the stages that a run has entered stay as they are.

    Args:
        run: The run folder.
        config: What it is to go on with.
        saved_step: Steps that its last checkpoint has done; None without one.

    Raises:
        InputError: An entered stage would be another, or it is no run of this version.
    """
    if saved_step is None:
        return
    before = config_of(run)
    crops = run_folder.read_record(run / run_folder.CONFIG).get("crops", {}).get("train")
    if not isinstance(crops, int):
        raise InputError(f"{run} was not written by this version of facesdk")
    stages = [
        stages_of(each, total_steps(each, crops // each.batch_size)) for each in (before, config)
    ]
    require_same_beginning(*stages, saved_step)


def require_same_sources(run: Path, material: Material) -> None:
    """Raises unless a run began with the same data and teacher.

    Raises:
        InputError: It did not, or it is no run of this version.
    """
    record = run_folder.read_record(run / run_folder.CONFIG)
    for key, digest in material.sources.items():
        if record.get(key) != digest:
            raise InputError(
                f"{run} began with another {key.split('_')[0]} (SHA-256 {record.get(key)}): "
                "give the same one, or start a new run"
            )
