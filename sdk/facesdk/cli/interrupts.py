"""Ctrl-C while modules load."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_the_process() -> Iterator[None]:
    """Let Ctrl-C end the process at once, as it ends a program that is not Python's.

    Python's own handler would show a traceback from the middle of an import, or let a module in C
    make another error of it. A handler that somebody else has set stays.
    """
    handler = signal.getsignal(signal.SIGINT)
    ours = handler is signal.default_int_handler
    if not ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
