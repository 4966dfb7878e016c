"""Chooses Keras 2 before any test module imports TensorFlow or Larq."""

import facesdk_training  # noqa: F401
