"""Verbs that other packages add to the command line, loaded on use."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

import typer.core
import typer.main


class PluginGroup(typer.core.TyperGroup):
    """A group of verbs that other distributions can add to.

    A distribution adds a verb by an entry point that names a ``typer.Typer``: in the group
    ``facesdk.commands`` for ``facesdk VERB``, in ``facesdk.commands.models`` for
    ``facesdk models VERB``. The help lists it without importing it.
    """

    entry_point_group: ClassVar[str]

    @cached_property
    def plugins(self) -> dict[str, EntryPoint]:
        """Entry points of plug-in verbs, by verb."""
        return {point.name: point for point in entry_points(group=self.entry_point_group)}

    def list_commands(self, ctx: Any) -> list[str]:
        """Every verb, those of this package first."""
        return [*super().list_commands(ctx), *sorted(self.plugins)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A verb by its name; imports the package that has it."""
        if cmd_name in self.plugins and cmd_name not in self.commands:
            command = typer.main.get_command(self.plugins[cmd_name].load())
            command.name = cmd_name
            self.commands[cmd_name] = command
        return super().get_command(ctx, cmd_name)
