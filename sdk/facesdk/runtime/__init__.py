"""Running ``.tflite`` files on whichever stock runtime is installed, with our operators."""
