"""Classes that a saved Keras model may name."""

from __future__ import annotations

from typing import Any

import larq  # noqa: F401  (registers its layers and quantizers)
import tf_keras as keras

import facesdk_training.keras.networks.layers
import facesdk_training.keras.networks.quantizers  # noqa: F401


def by_bare_name() -> dict[str, Any]:
    """Larq's and our registered classes by their names without a package.

    Larq looks its quantizers up by these in HDF5 files, where Keras itself writes "package>name".
    """
    registered = keras.utils.get_custom_objects()
    return {name.rpartition(">")[2]: kind for name, kind in registered.items()}
