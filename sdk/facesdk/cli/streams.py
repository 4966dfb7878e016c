"""Standard streams of the command: what cannot be written becomes one line, or is let go."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from facesdk.errors import InputError


def replace_stdout() -> None:
    """Let a failing write to stdout, as on a full disk, raise :class:`InputError`.

    A closed pipe still raises BrokenPipeError. Names beyond the terminal's alphabet are escaped.
    Where somebody else has taken stdout's place, or it is closed, it stays as it is.
    """
    if sys.stdout is not sys.__stdout__ or not isinstance(sys.stdout, io.TextIOWrapper):
        return
    sys.stdout.flush()
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(sys.stdout.fileno(), "wb", closefd=False)),
        encoding=sys.stdout.encoding,
        errors="backslashreplace" if sys.stdout.errors == "strict" else sys.stdout.errors,
        line_buffering=sys.stdout.line_buffering,
    )


def replace_stderr(descriptor: int) -> None:
    """Let stderr write to a descriptor, and drop what cannot be written: nobody would see it."""
    raw = _Messages(descriptor, "wb")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def discard_stdout() -> None:
    """Send what stdout still holds nowhere, so that Python's flush at its end does not fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


class _Output(io.FileIO):
    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except BrokenPipeError:
            raise
        except OSError as error:
            discard_stdout()
            raise InputError(f"cannot write the standard output: {error.strerror}") from None


class _Messages(io.FileIO):
    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except OSError:
            return memoryview(content).nbytes
