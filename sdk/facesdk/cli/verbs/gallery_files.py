"""``facesdk export | import | rotate-key | gallery check``."""

from __future__ import annotations

import getpass
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Optional

import typer

from facesdk.cli import options, output
from facesdk.errors import EXIT_BAD_INPUT, EXIT_DOUBTFUL, InputError
from facesdk.files import read_regular, require_other
from facesdk.gallery import check as checks
from facesdk.gallery import exchange
from facesdk.gallery.sqlite import SqliteGallery

Passphrase = Annotated[
    Optional[str],
    typer.Option(
        "--passphrase",
        metavar="WHERE",
        help="Where the passphrase is: `env:NAME`, or a file whose first line it is.",
        show_default="asked for",
    ),
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Look after a gallery.",
)


@app.callback()
def gallery() -> None:
    """Look after a gallery."""


@app.command()
def check(
    gallery: options.GalleryFile,
    key: options.Key = None,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss",
            help="Go on with what is there: remove what does not open, and begin a new audit log; "
            "the old one is kept.",
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Say whether everything that was enrolled is there, unchanged, and nothing else.

    The audit log is checked record by record, in the database and in its file, and against the
    rows; each row is opened. The status is 2 if something is wrong, with a line for each thing.

    Examples:

        facesdk gallery check --gallery door.db

        facesdk gallery check --gallery door.db --accept-loss
    """
    do = checks.accept_loss if accept_loss else checks.check
    with output.progress_bar("templates") as progress:
        found = do(gallery, key=key, progress=progress)
    whole = "whole" if found else f"{len(found.problems)} problem(s)"
    text = (
        f"{gallery}: {whole}; {found.templates} template(s) of {found.model}, "
        f"{found.records} record(s), the last {found.last_mac[:16]}"
    )
    output.emit(found.to_dict(), json=json, text=text)
    for problem in found.problems:
        output.emit_error(problem)
    if found.keys > 1:
        output.emit_error(
            f"there are {found.keys} keys of this gallery, since a change of its key was cut off: "
            "`facesdk rotate-key` ends that"
        )
    if found.problems and not accept_loss:
        raise typer.Exit(EXIT_BAD_INPUT)


def export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write.", show_default=False)
    ],
    gallery: options.GalleryFile,
    key: options.Key = None,
    passphrase: Passphrase = None,
    json: options.Json = False,
) -> None:
    """Write a gallery into one file under a passphrase.

    Examples:

        facesdk export door.export --gallery door.db

        facesdk export door.export --gallery door.db --passphrase env:BACKUP_PASSPHRASE
    """
    if passphrase is not None:
        require_other(file, passphrase)
    words = _passphrase(passphrase, confirm=True)
    exchange.require_passphrase(words)
    with (
        SqliteGallery.open(gallery, key=key) as opened,
        output.progress_bar("templates") as progress,
    ):
        count = exchange.export(opened, file, words, progress=progress)
    output.emit({"templates": count}, json=json, text=f"{file}: {count} template(s)")


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to read.", show_default=False)
    ],
    gallery: options.GalleryFile,
    key: options.Key = None,
    passphrase: Passphrase = None,
    json: options.Json = False,
) -> None:
    """Enrol everybody of an exported gallery; the gallery is made where there is none.

    People are joined by name; what is there already is passed over.

    Examples:

        facesdk import door.export --gallery door.db

        facesdk import door.export --gallery door.db --passphrase env:BACKUP_PASSPHRASE --json
    """
    words = _passphrase(passphrase, confirm=False)
    with output.progress_bar("templates") as progress:
        done = exchange.import_(file, gallery, words, key=key, progress=progress)
    text = (
        f"{done.templates} template(s) enrolled, {done.skipped} there already; "
        f"{done.people} person(s) in {gallery}"
    )
    output.emit(done.to_dict(), json=json, text=text)


def rotate_key(
    gallery: options.GalleryFile,
    key: options.Key = None,
    new_key: Annotated[
        Optional[str],
        typer.Option(
            "--new-key",
            metavar="WHERE",
            help="Where the new key is to be: a key file, `keyring`, or `env:NAME`.",
            show_default="where the old one is",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Encrypt a gallery with a new key, and remove the old one.

    All rows are changed in one transaction: a crash leaves the gallery with the old key or with the
    new one. The status is 4 if another program was reading the gallery, so that rows under the old
    key could not leave its files yet; they do when every program has closed it.

    Examples:

        facesdk rotate-key --gallery door.db

        facesdk rotate-key --gallery door.db --key env:OLD_KEY --new-key env:NEW_KEY
    """
    with (
        SqliteGallery.open(gallery, key=key) as opened,
        output.progress_bar("templates") as progress,
    ):
        done = opened.rotate_key(new_key, progress=progress)
    record = {"templates": done.templates, "erased": done.erased}
    output.emit(record, json=json, text=f"{done.templates} template(s) under a new key")
    if not done.erased:
        output.emit_error(
            "another program is reading the gallery: rows under the old key are still in its "
            "files, and leave them when every program has closed it"
        )
        raise typer.Exit(EXIT_DOUBTFUL)


def _passphrase(where: str | None, *, confirm: bool) -> str:
    if where is None:
        return _asked(confirm=confirm)
    if where.startswith("env:"):
        found = os.environ.get(where[4:])
        if found is None:
            raise InputError(f"environment variable {where[4:]} is not set")
        return found
    try:
        lines = read_regular(where).decode(errors="surrogateescape").splitlines()
    except OSError as error:
        raise InputError(f"cannot read the passphrase in {where}: {error.strerror}") from None
    return lines[0] if lines else ""


def _asked(*, confirm: bool) -> str:
    words = _typed("Passphrase: ")
    while confirm and _typed("Repeat for confirmation: ") != words:
        output.emit_error("the two differ")
        words = _typed("Passphrase: ")
    return words


def _typed(prompt: str) -> str:
    """A line from the terminal, which does not show it; without one, from standard input."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt)
    except getpass.GetPassWarning:
        line = sys.stdin.readline() if sys.stdin is not None else ""
    except EOFError:
        line = ""
    except KeyboardInterrupt:
        typer.echo(err=True)
        raise
    if not line:
        raise InputError(
            "the passphrase is asked for, and nobody answers: give `--passphrase` a file or "
            "env:NAME"
        )
    return line.removesuffix("\n")
