"""Running ``.tflite`` files on whichever stock runtime is installed, with our operators.

:func:`load_ops` is all that a program needs which brings its own interpreter and model.
"""

from facesdk.runtime.plugin import load_ops

__all__ = ["load_ops"]
