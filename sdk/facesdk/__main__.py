"""``facesdk`` and ``python -m facesdk``."""

from __future__ import annotations

from facesdk.cli import failures, interrupts


def main() -> None:
    """Load the command line and run it."""
    with failures.ending_the_process():
        with interrupts.ending_the_process():
            from facesdk.cli.main import main as run
        run()


if __name__ == "__main__":
    main()
