"""The end of the process for what fails outside of a verb; loads no foreign library."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from facesdk.dependencies import naming_broken_libraries
from facesdk.errors import EXIT_INTERNAL, FaceSDKError, one_line


@contextmanager
def ending_the_process() -> Iterator[None]:
    """Let an exception end the process with one line on stderr and its status.

    Python's own status is 1, which means "different people". An unexpected exception is a bug of
    ours, status 70.
    """
    try:
        with naming_broken_libraries():
            yield
    except FaceSDKError as error:
        _say(one_line(error))
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("FACESDK_DEBUG"):
            traceback.print_exc()
        _say(
            f"internal error, please report it: {type(error).__name__}: {one_line(error)} "
            "(FACESDK_DEBUG=1 shows where)"
        )
        sys.exit(EXIT_INTERNAL)


def _say(message: str) -> None:
    if sys.stderr is not None:
        print(f"facesdk: {message}", file=sys.stderr)
