"""``facesdk`` and ``python -m facesdk``."""

from __future__ import annotations

import signal


def main() -> None:
    """Load the command line and run it.

    While it loads, Ctrl-C ends the process at once: Python's own handler would show a traceback
    from the middle of an import, or end with 1, which means "different people".
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from facesdk.cli.main import main as run

    signal.signal(signal.SIGINT, handler)
    run()


if __name__ == "__main__":
    main()
