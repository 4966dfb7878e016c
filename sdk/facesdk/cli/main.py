"""The root of the command line: the table of verbs, and errors to exit codes.

A verb is imported when it is used, so that ``facesdk --help`` costs neither NumPy nor an image
library.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any, NamedTuple

import typer

from facesdk.cli import output, streams
from facesdk.cli.plugins import HELP_NAMES, DeferredCommand, PluginGroup, command_at
from facesdk.dependencies import naming_broken_libraries
from facesdk.errors import (
    EXIT_BAD_INPUT,
    EXIT_BROKEN_PIPE,
    EXIT_INTERRUPTED,
    FaceSDKError,
    FaceSDKWarning,
)


class Verb(NamedTuple):
    """A verb of this package: its name, where it is, and its line in the help."""

    name: str
    home: str
    line: str


VERBS = (
    Verb(
        "detect",
        "facesdk.cli.verbs.faces:detect",
        "Find faces: box, score and five landmarks, in pixels of the upright photo.",
    ),
    Verb(
        "align",
        "facesdk.cli.verbs.faces:align",
        "Cut faces out of photos, turned and scaled to a recognition template, as PNG.",
    ),
    Verb(
        "embed",
        "facesdk.cli.verbs.faces:embed",
        "Embed one face of each photo as a vector: the one that verify compares.",
    ),
    Verb(
        "verify",
        "facesdk.cli.verbs.faces:verify_app",
        "Say whether two photos show the same person.",
    ),
    Verb(
        "enrol",
        "facesdk.cli.verbs.gallery:enrol",
        "Enrol a person from photos; the gallery is made with the first.",
    ),
    Verb(
        "identify",
        "facesdk.cli.verbs.gallery:identify",
        "Say who is on a photo, of those who are enrolled.",
    ),
    Verb(
        "people",
        "facesdk.cli.verbs.gallery:people",
        "List who is enrolled.",
    ),
    Verb(
        "forget",
        "facesdk.cli.verbs.gallery:forget",
        "Remove a person and all templates from a gallery, and their bytes from its files.",
    ),
    Verb(
        "export",
        "facesdk.cli.verbs.gallery_files:export",
        "Write a gallery into one file under a passphrase.",
    ),
    Verb(
        "import",
        "facesdk.cli.verbs.gallery_files:import_",
        "Enrol everybody of an exported gallery; the gallery is made where there is none.",
    ),
    Verb(
        "rotate-key",
        "facesdk.cli.verbs.gallery_files:rotate_key",
        "Encrypt a gallery with a new key, and remove the old one.",
    ),
    Verb(
        "gallery",
        "facesdk.cli.verbs.gallery_files:app",
        "Look after a gallery.",
    ),
    Verb(
        "live",
        "facesdk.cli.verbs.live:live",
        "Follow the faces of a camera, a stream, a film or a folder, and say who comes and goes.",
    ),
    Verb(
        "doctor",
        "facesdk.cli.verbs.doctor:doctor",
        "Report the libraries, the runtime, the operators, the CPU and the models; status 3 if one "
        "is broken.",
    ),
    Verb(
        "demo",
        "facesdk.cli.verbs.demo:demo",
        "Compare packaged portraits and save annotated pictures of each comparison.",
    ),
    Verb(
        "calibrate",
        "facesdk.cli.verbs.calibrate:calibrate",
        "Find the thresholds of a model on your photos, and write them into the model file.",
    ),
    Verb(
        "serve",
        "facesdk.cli.verbs.serve:serve",
        "Serve faces over HTTP: an interface for programs, and a page for people.",
    ),
    Verb(
        "models",
        "facesdk.cli.verbs.models:app",
        "List the packaged models: name, task, variant, size and thresholds.",
    ),
    Verb(
        "evaluate",
        "facesdk.cli.verbs.evaluate:app",
        "Measure a recognition model on pairs of photos.",
    ),
    Verb(
        "bench",
        "facesdk.cli.verbs.bench:app",
        "Measure latency: models, their operators, the whole pipeline, live recognition.",
    ),
    Verb(
        "schema",
        "facesdk.cli.verbs.schema:schema",
        "Print the JSON schema of what a verb prints with --json.",
    ),
)
LINES = {
    "advise": "Say which way to a smaller or faster network fits, why, and what to run.",
    "compress": "Compress a network by a method, or by a chain of methods.",
    "convert": "Convert networks to model files (needs the extra `convert`).",
    "data": "Make training data from photos (needs the extra `train`).",
    "train": "Train binarized networks (needs the extra `train`).",
}
"""What the help says of the verbs that our other packages add."""

_UsageError: Any = typer.BadParameter.__base__
"""The class is public in Click only, which Typer has under different names."""


class VerbGroup(PluginGroup):
    """The verbs of facesdk, and one place that maps errors to exit codes.

    Errors that facesdk raises on purpose, and wrong usage, become one line on stderr and the exit
    code of :mod:`facesdk.errors`.
    """

    entry_point_group = "facesdk.commands"
    lines = LINES

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for verb in VERBS:
            load = partial(command_at, verb.home)
            self.commands[verb.name] = DeferredCommand(verb.name, verb.line, load)

    def get_params(self, ctx: Any) -> list[Any]:
        """The options before the verb; flags without a type, as they take no value."""
        params: list[Any] = super().get_params(ctx)
        for param in params:
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""
        return params

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the options before the verb and map errors to exit codes."""
        with _errors_to_exit_codes():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run a verb and map errors to exit codes."""
        with _errors_to_exit_codes(), _warnings_as_lines():
            return super().invoke(ctx)


@contextmanager
def _errors_to_exit_codes() -> Iterator[None]:
    try:
        with naming_broken_libraries():
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
        streams.discard_stdout()
        raise typer.Exit(EXIT_BROKEN_PIPE) from None


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print our own warnings to stderr as a line each, without the place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", FaceSDKWarning)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, FaceSDKWarning):
                output.emit_error(f"warning: {message}")
            else:
                others(message, category, *place, **more)

        warnings.showwarning = show
        yield


app = typer.Typer(
    cls=VerbGroup,
    name="facesdk",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": list(HELP_NAMES)},
    help="Face detection, alignment and verification with 1-bit networks on small devices.",
    epilog="Exit status: 0 success (verify: same), 1 verify: different, identify: unknown, 2 usage "
    "or bad input, 3 this installation lacks something, 5 no face in a photo.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from facesdk.version import __version__

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


def main() -> None:
    """Run the command line; what is not a verb's error is raised."""
    _silence_native_logs()
    streams.replace_stdout()
    app()


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
        streams.replace_stderr(os.dup(2))
    os.dup2(null, 2)
