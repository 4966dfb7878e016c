"""Lines of TensorFlow and Larq Compute Engine that tell of errors where there are none."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from facesdk.runtime.native_log import without_lines

_GROUPED = re.compile(rb"error: Invalid binary grouped convolution: [^\n]*\n\n?")
"""Of a convolution that Larq Compute Engine leaves in float, which --explain says."""

_GRADIENTS = "ops with unsaved custom gradients"
"""Of functions that are converted, never trained."""


@contextmanager
def without_false_errors() -> Iterator[None]:
    """While it lasts, these lines are left out; all others come as before."""
    logger = logging.getLogger("absl")
    logger.addFilter(_says_something)
    try:
        with without_lines(_GROUPED):
            yield
    finally:
        logger.removeFilter(_says_something)


def _says_something(record: logging.LogRecord) -> bool:
    return _GRADIENTS not in record.getMessage()
