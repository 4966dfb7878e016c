"""The root of the command line: verbs, plug-in verbs, and errors to exit codes."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from facesdk.cli import output
from facesdk.cli.plugins import PluginGroup
from facesdk.cli.verbs import bench, calibrate, demo, doctor, evaluate, faces, models
from facesdk.errors import (
    EXIT_BAD_INPUT,
    EXIT_BROKEN_PIPE,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    FaceSDKError,
)
from facesdk.version import __version__

_UsageError: Any = typer.BadParameter.__base__
"""The class is public in Click only, which Typer has under different names."""


class VerbGroup(PluginGroup):
    """The verbs of facesdk, and one place that maps errors to exit codes.

    Errors that facesdk raises on purpose, and wrong usage, become one line on stderr and the exit
    code of :mod:`facesdk.errors`.
    """

    entry_point_group = "facesdk.commands"

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the options before the verb and map errors to exit codes."""
        with _errors_to_exit_codes():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run a verb and map errors to exit codes."""
        with _errors_to_exit_codes():
            return super().invoke(ctx)


@contextmanager
def _errors_to_exit_codes() -> Iterator[None]:
    try:
        yield
    except FaceSDKError as error:
        output.emit_error(str(error))
        raise typer.Exit(error.exit_code) from None
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        verb = error.ctx.command_path if error.ctx else "facesdk"
        output.emit_error(f"{error.format_message().rstrip('.')}: see `{verb} --help`")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    except KeyboardInterrupt:
        output.emit_error("interrupted")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        # Typer would end with 1, which means "different people". Python flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(EXIT_BROKEN_PIPE) from None


app = typer.Typer(
    cls=VerbGroup,
    name="facesdk",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Face detection, alignment and verification with 1-bit networks on small devices.",
    epilog="Exit status: 0 success (verify: same), 1 verify: different, 2 usage or bad input, "
    "3 this installation lacks something.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facesdk {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Face detection, alignment and verification with 1-bit networks on small devices."""


faces.register(app)
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
app.add_typer(evaluate.app, name="evaluate")
app.command("calibrate")(calibrate.calibrate)
app.add_typer(bench.app, name="bench")


def main() -> None:
    """Run the command line.

    A bug must not look like "different people", so an unexpected exception ends with status 70.
    """
    _silence_native_logs()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # names beyond the terminal's alphabet
    try:
        app()
    except Exception as error:
        if os.environ.get("FACESDK_DEBUG"):
            traceback.print_exc()
        typer.echo(
            f"facesdk: internal error, please report it: {type(error).__name__}: {error} "
            "(FACESDK_DEBUG=1 shows where)",
            err=True,
        )
        sys.exit(EXIT_INTERNAL)


def _silence_native_logs() -> None:
    """Keep the runtimes' own log lines, written to descriptor 2 by C++ code, off the terminal.

    They have no switch for it. Python's ``sys.stderr`` keeps the terminal; FACESDK_DEBUG=1 keeps
    the log lines too. Where descriptor 2 is closed, ``sys.stderr`` is None and stays so.
    """
    if os.environ.get("FACESDK_DEBUG"):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    if sys.stderr is not None:
        sys.stderr.flush()
        sys.stderr = os.fdopen(
            os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace"
        )
    os.dup2(null, 2)
