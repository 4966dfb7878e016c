"""How long work says how far it is: one signature for every room."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called after each step of long work; the command line draws a bar from it."""

    def __call__(self, done: int, total: int, what: str, /) -> None:
        """Take note of a step.

        Args:
            done: Steps that are done, from 0 to ``total``.
            total: Steps in all.
            what: What is being done, in a word or two, for example ``"photos"``.
        """


def unwatched(done: int, total: int, what: str, /) -> None:
    """A progress that nobody looks at, for programs."""
