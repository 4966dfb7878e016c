"""The line that a runtime writes to descriptor 2 with the first network that XNNPACK runs."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LINE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
_first = threading.Lock()
_written = False


@contextmanager
def without_greeting() -> Iterator[None]:
    """Keep that line off the terminal: C++ code writes it, once per process, and has no switch.

    While networks are built, until the line has come, descriptor 2 is a temporary file; all else
    that came there follows when the network is built. FACESDK_DEBUG=1 keeps the line.
    """
    global _written
    if _written or os.environ.get("FACESDK_DEBUG"):
        yield
        return
    with _first:
        if _written:
            yield
            return
        try:
            terminal = os.dup(2)
        except OSError:  # closed: nobody sees the line
            yield
            return
        with open(terminal, "wb", buffering=0) as descriptor, tempfile.TemporaryFile() as kept:
            os.dup2(kept.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(terminal, 2)
                kept.seek(0)
                content = kept.read()
                _written = _LINE in content
                descriptor.write(content.replace(_LINE, b""))


def _after_fork() -> None:
    """The lock may be held by a thread that is not here."""
    global _first
    _first = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
