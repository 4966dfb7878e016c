"""The page of options, from the verbs themselves.

    python -m tools.docs.options > docs/use/options.md

A test compares the page in the repository with this, and holds that a name means one thing.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args

import typer

from facesdk.cli.main import app
from tools.docs import printing

_HEAD = """# Options of all verbs

A name means the same in every verb. What is written goes where `--output` (`-o`) says, annotated
pictures where `--picture` says, pages for people where `--report` says; `--json` prints for
scripts ([names](json.md)). Flags take no value. Paths are arguments where a verb cannot do without
them. `facesdk VERB --help` has defaults, ranges and examples.

This page is generated (`python -m tools.docs.options`).

| option | value | of | what |
| --- | --- | --- | --- |"""

_OF_THE_SHELL = ("--install-completion", "--show-completion", "--help", "--version")
_KINDS = {"Path": "path", "str": "text", "int": "number", "float": "number", "datetime": "date"}


@dataclass(frozen=True, slots=True)
class Use:
    """An option of a verb.

    Attributes:
        name: Its long name, with its opposite if it has one.
        verb: The verb, without ``facesdk``.
        kind: ``flag``, ``path``, ``text``, ``number`` or ``date``.
        value: What stands for its value in the help; empty for a flag.
        shown: What the help shows for its value, which for a flag must be nothing.
        line: What the help says of it.
    """

    name: str
    verb: str
    kind: str
    value: str
    shown: str
    line: str


def uses() -> tuple[Use, ...]:
    """Every option of every verb, in the order of the verbs."""
    return tuple(use for verb, command in verbs() for use in _uses(command, verb))


def verbs() -> Iterator[tuple[str, Any]]:
    """Every verb and group of verbs, without ``facesdk``, and its command."""
    yield from _below(typer.main.get_command(app), ())


def _below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    context = typer.Context(command)
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            loaded = below._load() if hasattr(below, "_load") else below
            yield from _below(loaded, (*path, name))
    yield " ".join(path), command


def _uses(command: Any, verb: str) -> Iterator[Use]:
    for param in command.params:
        names = [name for name in param.opts if name.startswith("--")]
        if names and names[0] not in _OF_THE_SHELL:
            yield _use(param, names[0], verb, _kind(declared(command)[param.name].annotation))


def declared(command: Any) -> Mapping[str, inspect.Parameter]:
    """The parameters of the function of a command; none for a group that has no function."""
    function = command.callback
    return inspect.signature(function, eval_str=True).parameters if function else {}


def _kind(annotation: Any) -> type:
    """The type of a single value, out of ``Annotated``, ``Optional`` and ``list``."""
    while inner := get_args(annotation):
        annotation = inner[0]
    kind: type = annotation
    return kind


def _use(param: Any, name: str, verb: str, kind: type) -> Use:
    shown = param.metavar if param.metavar is not None else kind.__name__
    if param.is_flag:
        name = "/".join((name, *param.secondary_opts))
        return Use(name, verb, "flag", "", shown, param.help)
    if issubclass(kind, Enum):
        return Use(name, verb, "text", "|".join(kind.__members__), shown, param.help)
    called = _KINDS[kind.__name__]
    value = param.metavar or {"path": "FILE", "text": "WORDS"}.get(called, "N")
    return Use(name, verb, called, value, shown, param.help)


def page() -> str:
    """The page, Markdown."""
    found: dict[str, dict[tuple[str, str], list[str]]] = {}
    for use in uses():
        meanings = found.setdefault(use.name, {})
        meanings.setdefault((use.value, use.line), []).append(use.verb)
    rows = [
        f"| `{name}` | {_code(value)} | {_verbs(verbs)} | {_cell(line)} |"
        for name, meanings in sorted(found.items())
        for (value, line), verbs in meanings.items()
    ]
    return "\n".join([_HEAD, *rows, ""])


def _verbs(verbs: list[str]) -> str:
    if len(verbs) > 20:
        return f"{len(verbs)} verbs"
    return ", ".join(f"`{verb}`" for verb in verbs)


def _code(value: str) -> str:
    return _cell(f"`{value}`") if value else ""


def _cell(line: str) -> str:
    return line.replace("|", "\\|")


if __name__ == "__main__":
    printing.run(__doc__, page)
