"""The paths that a verb is given: none is empty, and none is written over that is read as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from facesdk.files import require_other

_WRITTEN = {"--output", "--picture", "--plot", "--report", "--save-embeddings"}
_IN_PLACE = {"calibrate": "model", "edit": "model", "set-contract": "model"}
"""Verbs that write a model where it was read, unless they are told another place."""
_RENEWED = "baseline"
"""May be replaced by the report that was compared with it."""


def guard(command: Any) -> None:
    """Let a command, and those below it, refuse such paths before anything is done."""
    below = getattr(command, "commands", {}).values()
    for one in below:
        guard(one)
    _refuse_empty(command)
    if not below:
        _spare_inputs(command)


def _refuse_empty(command: Any) -> None:
    """``""``, as of an unset variable, would stand for the working directory."""
    hints = get_type_hints(command.callback) if command.callback else {}
    for param in command.params:
        if _holds_paths(hints.get(param.name)):
            param.process_value = partial(_unless_empty, param, param.process_value)


def _holds_paths(hint: Any) -> bool:
    return hint is Path or any(map(_holds_paths, get_args(hint)))


def _unless_empty(param: Any, process: Callable[[Any, Any], Any], ctx: Any, value: Any) -> Any:
    if value == "" or (isinstance(value, (list, tuple)) and "" in value):
        raise typer.BadParameter("the path is empty", ctx=ctx, param=param)
    return process(ctx, value)


def _spare_inputs(command: Any) -> None:
    invoke = command.invoke

    def checked(context: Any) -> Any:
        _require_spared(command, context.params)
        return invoke(context)

    command.invoke = checked


def _require_spared(command: Any, given: dict[str, Any]) -> None:
    written: list[Path] = []
    read: list[Path] = []
    for param in command.params:
        if _WRITTEN.intersection(param.opts):
            written += _paths(given.get(param.name))
        elif param.name not in (_RENEWED, _IN_PLACE.get(command.name)):
            read += _paths(given.get(param.name))
    for path in written:
        require_other(path, *read)


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _paths(one)
    elif isinstance(value, (str, PathLike)) and str(value):
        yield Path(value)
