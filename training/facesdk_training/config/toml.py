"""Reading what a training run is asked to do: TOML files, and changes of theirs.

Everything is checked and every stage is resolved when a file is read, so that what is wrong in it
is named before any data is looked at.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from facesdk.errors import InputError
from facesdk.files import read_regular
from facesdk_training.architectures.registry import ARCHITECTURES, NetworkConfig
from facesdk_training.architectures.strict import checked, in_words
from facesdk_training.config.run import RunConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_ADAPTER = TypeAdapter(RunConfig)


def parse(record: Mapping[str, Any], origin: str) -> RunConfig:
    """Checks a record against the dataclasses.

    Args:
        record: Tables and keys as in a TOML or JSON file. The ``network`` of a stage may name only
            what differs from the run's.
        origin: Where it came from, for messages.

    Raises:
        InputError: A key is unknown or missing, or a value has a wrong type or range; the message
            names all of them.
    """
    try:
        return checked(_ADAPTER, _with_whole_networks(record))
    except ValidationError as error:
        raise InputError(f"{origin}: {'; '.join(problems(error))}") from None


def read(path: Path, assignments: Iterable[str] = ()) -> RunConfig:
    """Reads a TOML file and applies ``key=value`` assignments to it.

    Args:
        path: The file; a name without a suffix that is no file means one of the shipped recipes.
        assignments: For example ``schedule.learning_rate=0.001``; values as in TOML, and a value
            that is none is a string.

    Raises:
        InputError: The file is missing or no TOML, an assignment is malformed, or the result does
            not pass :func:`parse`.
    """
    return parse(assigned(record_of(path), assignments), str(path))


def assigned(record: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """A copy of a record with ``key=value`` assignments applied, see :func:`read`.

    Raises:
        InputError: An assignment is malformed.
    """
    result = copy.deepcopy(dict(record))
    for assignment in assignments:
        _assign(result, assignment)
    return result


RECIPES = "facesdk_training.recipes"
"""The package of the recipes of recognisers."""


def recipes(package: str = RECIPES) -> list[str]:
    """Names of the shipped recipes in a package."""
    files = resources.files(package).iterdir()
    return sorted(file.name[:-5] for file in files if file.name.endswith(".toml"))


def record_of(path: Path, package: str = RECIPES) -> dict[str, Any]:
    """The tables of a TOML file; a name without a suffix that is no file means a shipped recipe.

    Raises:
        InputError: The file is missing or no TOML.
    """
    try:
        if not path.suffix and not path.exists():
            recipe = resources.files(package) / f"{path}.toml"
            if not recipe.is_file():
                raise InputError(
                    f"there is no file {path} and no recipe of that name: "
                    f"use one of {', '.join(recipes(package))}"
                )
            return tomllib.loads(recipe.read_text(encoding="utf-8"))
        return table(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def table(path: Path) -> dict[str, Any]:
    """The content of a TOML file, unchecked.

    Raises:
        InputError: The file cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(read_regular(path).decode())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}") from None


def _assign(record: dict[str, Any], assignment: str) -> None:
    key, separator, text = assignment.partition("=")
    *tables, name = key.strip().split(".")
    if not separator or not name:
        raise InputError(f"--set takes key=value, but got {assignment!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    table: Any = record
    for part in tables:
        if isinstance(table, list) and part.isdecimal() and int(part) < len(table):
            table = table[int(part)]
        elif isinstance(table, dict) and not part.isdecimal():
            table = table.setdefault(part, {})
        else:
            raise InputError(f"--set {assignment}: there is no {part} to change")
    if not isinstance(table, dict):
        raise InputError(f"--set {assignment}: {tables[-1]} is no table")
    table[name] = value


def _with_whole_networks(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record whose stages say all of their networks, not only what differs from the run's."""
    network, stages = record.get("network"), record.get("stages")
    if not isinstance(network, Mapping) or not isinstance(stages, (list, tuple)):
        return dict(record)

    def whole(stage: Any) -> Any:
        own = stage.get("network", {}) if isinstance(stage, Mapping) else None
        return {**stage, "network": {**network, **own}} if isinstance(own, Mapping) else stage

    return {**record, "stages": [whole(stage) for stage in stages]}


def problems(error: ValidationError, root: Any = RunConfig) -> list[str]:
    """A line for each thing that is wrong; what is wrong in all stages is named once.

    Args:
        error: What pydantic says.
        root: The dataclass of the whole configuration.
    """
    said: set[str] = set()
    lines = []
    for problem in error.errors():
        message = _in_words(problem, root)
        inherited = problem["loc"][:1] == ("stages",) and message in said
        said.add(message)
        if not inherited:
            where = ".".join(str(part) for part in problem["loc"]) or "config"
            lines.append(f"{where}: {message}")
    return lines


def _in_words(problem: Any, root: Any) -> str:
    kind, place = problem["type"], problem["loc"]
    if kind == "literal_error":
        return f"must be one of {problem['ctx']['expected']}, but got {problem['input']!r}"
    if kind == "missing":
        return " ".join(["is missing", *_allowed(_type_at(place, root))])
    if kind == "unexpected_keyword_argument":
        keys = [field.name for field in dataclasses.fields(_type_at(place[:-1], root))]
        return f"there is no such key, but {', '.join(keys)}"
    return in_words(problem)


def _allowed(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [f"and must be one of {', '.join(map(str, get_args(kind)))}"]
    if kind == NetworkConfig:
        return [f"and needs architecture, one of {', '.join(ARCHITECTURES)}"]
    return []


def _type_at(place: tuple[int | str, ...], root: Any) -> Any:
    """The type of the value at a place of the tables."""
    kind = root
    for part in place:
        kind = get_args(kind)[0] if isinstance(part, int) else get_type_hints(kind)[part]
    return kind
