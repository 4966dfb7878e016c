"""Reading what training a finder is asked to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from facesdk.errors import InputError
from facesdk_training.architectures.strict import checked
from facesdk_training.config import toml
from facesdk_training.detector.config import FinderConfig

RECIPES = "facesdk_training.recipes.detectors"
_ADAPTER = TypeAdapter(FinderConfig)


def read(path: Path, assignments: Iterable[str] = ()) -> FinderConfig:
    """Reads a TOML file and applies ``key=value`` assignments to it.

    Args:
        path: The file; a name without a suffix that is no file means one of the shipped recipes.
        assignments: For example ``schedule.budget=600``.

    Raises:
        InputError: The file is missing or no TOML, an assignment is malformed, a key is unknown, or
            a value has a wrong type or range.
    """
    return parse(toml.assigned(toml.record_of(path, RECIPES), assignments), str(path))


def parse(record: Mapping[str, Any], origin: str) -> FinderConfig:
    """Checks a record against the dataclasses; ``origin`` is for messages.

    Raises:
        InputError: As :func:`read`.
    """
    try:
        return checked(_ADAPTER, record)
    except ValidationError as error:
        problems = "; ".join(toml.problems(error, FinderConfig))
        raise InputError(f"{origin}: {problems}") from None
    except InputError as error:
        raise InputError(f"{origin}: {error}") from None
