"""The stock runtimes that tests run on, by their names for ``FACESDK_RUNTIME``."""

from __future__ import annotations

import sys

LITERT, TFLITE_RUNTIME = "litert", "tflite-runtime"

# tflite-runtime's last release has no wheel for Python 3.12 and later.
RUNTIMES = (LITERT, TFLITE_RUNTIME) if sys.version_info < (3, 12) else (LITERT,)
