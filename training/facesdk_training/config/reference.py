"""Every key of a training run's TOML file, from the dataclasses that read it.

A key's meaning is what its dataclass says of it under "Attributes:", so nothing is written twice.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from facesdk_training.architectures.registry import ARCHITECTURES
from facesdk_training.config.run import RunConfig, StageConfig

_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_ROLE = re.compile(r":\w+:`~?([^`]+)`")


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the file.

    Attributes:
        table: Its table; empty for the file's own keys; ``"stages"`` and the like for tables that
            may come several times.
        name: Its name.
        kind: What its value is, in words.
        allowed: The values it may have; empty where there is no list of them.
        default: As it stands in TOML; empty where it must be given.
        meaning: In a sentence or two.
    """

    table: str
    name: str
    kind: str
    allowed: tuple[str, ...]
    default: str
    meaning: str

    @property
    def path(self) -> str:
        """For example ``schedule.learning_rate``, as ``--set`` takes it."""
        return f"{self.table}.{self.name}" if self.table else self.name

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {"key": self.path, **dataclasses.asdict(self)}


def keys() -> tuple[Key, ...]:
    """All keys, table by table, in the order of the dataclasses.

    Of ``network`` those of each architecture follow one another: ``network (CompactFaceNet)``.
    """
    own, tables = [], []
    hints = get_type_hints(RunConfig)
    for field in dataclasses.fields(RunConfig):
        kind = hints[field.name]
        rows = _rows_of(kind)
        if field.name == "network":
            continue
        if rows is None:
            own.append(_key("", RunConfig, field, kind))
        else:
            tables += list(_table(field.name, rows))
    return (*own, *_networks(), *tables)


def to_toml(record: Mapping[str, Any]) -> str:
    """A configuration as a TOML file; keys that are None or empty tables are left out.

    Args:
        record: As :meth:`facesdk_training.config.run.RunConfig.to_dict` makes it.
    """
    lines = list(_toml_lines(record, ""))
    return "\n".join(lines).strip() + "\n"


def _networks() -> Iterator[Key]:
    seen = set()
    for config in ARCHITECTURES.values():
        if type(config) in seen:
            continue
        seen.add(type(config))
        alike = [key for key, other in ARCHITECTURES.items() if type(other) is type(config)]
        table = f"network ({', '.join(alike)})"
        hints = get_type_hints(type(config))
        for field in dataclasses.fields(config):
            row = _key(table, type(config), field, hints[field.name])
            if field.name == "architecture":
                yield dataclasses.replace(row, allowed=tuple(alike), default="")
            else:
                yield dataclasses.replace(row, default=_toml(getattr(config, field.name)))


def _table(name: str, kind: type) -> Iterator[Key]:
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if kind is StageConfig and field.name == "network":
            meaning = _meanings(kind)["network"]
            yield Key(name, "network", "table", (), "", meaning)
        else:
            yield _key(name, kind, field, hints[field.name])


def _key(table: str, owner: type, field: Any, hint: Any) -> Key:
    default = ""
    if field.default is not dataclasses.MISSING:
        default = _toml(field.default)
    elif field.default_factory is not dataclasses.MISSING:
        default = _toml(field.default_factory())
    allowed = get_args(hint) if get_origin(hint) is Literal else ()
    meaning = _meanings(owner).get(field.name, "")
    return Key(table, field.name, _words(hint), tuple(map(str, allowed)), default, meaning)


def _rows_of(hint: Any) -> type | None:
    """The dataclass of a table, or of each of several tables; None for a plain value."""
    if get_origin(hint) is tuple:
        hint = get_args(hint)[0]
    return hint if dataclasses.is_dataclass(hint) and isinstance(hint, type) else None


def _words(hint: Any) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _words(parts[0])
    if origin is Literal:
        return "one of the listed" if len(parts) > 1 else "text"
    if origin in (Union, UnionType):
        return " or ".join(_words(part) for part in parts if part is not type(None))
    if origin is tuple:
        if len(parts) == 2 and parts[1] is Ellipsis:
            return f"list of {_plural(_words(parts[0]))}"
        return f"[{', '.join(_words(part) for part in parts)}]"
    return "table" if dataclasses.is_dataclass(hint) else _WORDS.get(hint, str(hint))


def _plural(words: str) -> str:
    return words if words.startswith("[") else {"text": "texts"}.get(words, f"{words}s")


def _meanings(owner: type) -> dict[str, str]:
    """What a dataclass's docstring says of each attribute, on one line."""
    text = inspect.cleandoc(owner.__doc__ or "")
    _, _, section = text.partition("Attributes:\n")
    found: dict[str, list[str]] = {}
    name = ""
    for line in section.splitlines():
        begun = re.match(r"    (\w+): (.*)", line)
        if begun:
            name = begun[1]
            found[name] = [begun[2]]
        elif line.startswith("        ") and name:
            found[name].append(line.strip())
        elif line.strip():
            break
    return {key: _ROLE.sub(r"``\1``", " ".join(lines)) for key, lines in found.items()}


def _toml(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if dataclasses.is_dataclass(value):
        return ""
    return json.dumps(value) if isinstance(value, (str, bool)) else repr(value)


def _toml_lines(record: Mapping[str, Any], path: str) -> Iterator[str]:
    tables: list[tuple[str, Any]] = []
    for name, value in record.items():
        several = isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping)
        if isinstance(value, Mapping) or several:
            tables.append((name, value))
        elif value is not None:
            yield f"{name} = {_toml(value)}"
    for name, value in tables:
        inner = f"{path}.{name}" if path else name
        if isinstance(value, Mapping):
            yield from ("", f"[{inner}]", *_toml_lines(value, inner))
        else:
            for row in value:
                yield from ("", f"[[{inner}]]", *_toml_lines(row, inner))
