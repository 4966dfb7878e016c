"""Lines that C++ code of the runtimes and of TensorFlow writes to descriptor 2."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_GREETING = re.compile(rb"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\.\n")
_one = threading.Lock()
_greeted = False


@contextmanager
def without_greeting() -> Iterator[None]:
    """Keep the line of the first network that XNNPACK runs off the terminal.

    It comes once per process and has no switch. So while networks are built, until it has come,
    it is left out. FACESDK_DEBUG=1 keeps it.
    """
    global _greeted
    if _greeted:
        yield
        return
    found: list[bytes] = []
    try:
        with without_lines(_GREETING) as found:
            yield
    finally:
        _greeted = _greeted or bool(found)


@contextmanager
def without_lines(lines: re.Pattern[bytes]) -> Iterator[list[bytes]]:
    """Keep lines that C++ code writes, and has no switch for, off the terminal.

    Meanwhile descriptor 2 is a temporary file; all else that came there follows at the end. Where
    there is nowhere to put one, or with FACESDK_DEBUG=1, the lines stay.

    Args:
        lines: Each of them, with its end.

    Yields:
        What was left out, known at the end.
    """
    found: list[bytes] = []
    if os.environ.get("FACESDK_DEBUG"):
        yield found
        return
    with _one:
        try:
            terminal = os.dup(2)
        except OSError:  # closed: nobody sees the lines
            yield found
            return
        with open(terminal, "wb", buffering=0) as descriptor, ExitStack() as stack:
            try:
                kept = stack.enter_context(tempfile.TemporaryFile())
            except OSError:
                yield found
                return
            os.dup2(kept.fileno(), 2)
            try:
                yield found
            finally:
                os.dup2(terminal, 2)
                kept.seek(0)
                content = kept.read()
                found += lines.findall(content)
                descriptor.write(lines.sub(b"", content))


def _after_fork() -> None:
    """The lock may be held by a thread that is not here."""
    global _one
    _one = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
