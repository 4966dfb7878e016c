"""Verbs that are imported on use: this package's own, and those that other packages add."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

import typer
import typer.core
import typer.main

from facesdk.cli import examples, interrupts, paths
from facesdk.dependencies import holding_output

HELP_NAMES = ("--help", "-h")


class DeferredCommand(typer.core.TyperCommand):
    """A verb of which the help of its group needs the name and a line only.

    Args:
        name: The verb.
        line: What the help of its group says of it.
        load: Imports the command itself, when the verb is used.
    """

    def __init__(self, name: str, line: str, load: Callable[[], Any]) -> None:
        super().__init__(name, help=line)
        self._load = load

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """The context of the command itself, which from here on takes this one's place."""
        command = self._load()
        command.name = self.name
        return command.make_context(info_name, args, parent, **extra)


def command_at(home: str) -> Any:
    """The command of a function or of a ``typer.Typer``.

    Args:
        home: Where it is, as ``module:name``.
    """
    module, _, name = home.partition(":")
    with interrupts.ending_the_process(), holding_output():
        verb = getattr(importlib.import_module(module), name)
    if not isinstance(verb, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
        app.command()(verb)
        verb = app
    command = typer.main.get_command(verb)
    polish(command)
    paths.guard(command)
    return command


def polish(command: Any) -> None:
    """Let the help of a command and of those below it show no type of flags, and whole examples.

    Flags take no value, so they have none to show.
    """
    if command.help:
        command.help = examples.wrapped(command.help)
    for param in command.get_params(typer.Context(command, help_option_names=list(HELP_NAMES))):
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
    for below in getattr(command, "commands", {}).values():
        polish(below)


class PluginGroup(typer.core.TyperGroup):
    """A group of verbs that other distributions can add to.

    A distribution adds a verb by an entry point that names a ``typer.Typer``: in the group
    ``facesdk.commands`` for ``facesdk VERB``, in ``facesdk.commands.models`` for
    ``facesdk models VERB``. The help lists it; for its line the package is imported, unless
    :attr:`lines` has it.
    """

    entry_point_group: ClassVar[str]
    lines: ClassVar[Mapping[str, str]] = {}

    @cached_property
    def plugins(self) -> dict[str, EntryPoint]:
        """Entry points of plug-in verbs, by verb."""
        return {point.name: point for point in entry_points(group=self.entry_point_group)}

    def list_commands(self, ctx: Any) -> list[str]:
        """Every verb, those of this package first."""
        return [*super().list_commands(ctx), *sorted(set(self.plugins) - set(self.commands))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A verb by its name."""
        if cmd_name in self.plugins and cmd_name not in self.commands:
            point = self.plugins[cmd_name]
            if cmd_name in self.lines:
                line = self.lines[cmd_name]
                return DeferredCommand(cmd_name, line, lambda: command_at(point.value))
            command = command_at(point.value)
            command.name = cmd_name
            return command
        return super().get_command(ctx, cmd_name)
