"""Files of Keras 3, read as networks of Keras 2, which Larq needs.

Keras 3 writes other configurations and names its weights otherwise, but most of its layers compute
what those of Keras 2 compute. So the network is built again, layer by layer and call by call, from
layers of Keras 2, and given the weights in the file's order. Where a layer has another default or
another name, or none of that name exists, a table here says so; what is in no table is refused.
Nothing but public layers of Keras 2, the operations below and classes of the user is called: no
module that the file names is imported.

In the end Keras 3 itself runs the file on noise, and both must give the same.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import tensorflow as tf

from facesdk.errors import ModelError, one_line
from facesdk_training.keras.keras3.builder import Builder
from facesdk_training.keras.keras3.comparison import require_same
from facesdk_training.keras.keras3.sharing import shares, write_out
from facesdk_training.keras.keras3.weights import take_by_name, take_by_place

_ATTRIBUTE_OF_CONFIG = "model_config"


def load(path: Path, objects: Mapping[str, Any]) -> tf.keras.Model:
    """Reads a network that Keras 3 saved.

    Args:
        path: A ``.keras`` file, or a whole-model ``.h5`` file.
        objects: Classes of layers and functions of the user, made for Keras 2, by name.

    Returns:
        A network of Keras 2.

    Raises:
        ModelError: Keras 2 has no such layer, operation or option, or the two do not compute the
            same; the message names it, and what to do instead.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            own = _with_own_layers(path, Path(folder))
            config, weights = _contents(own)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path} cannot be read ({one_line(error, 200)})") from None
        builder = Builder(path, objects)
        model = builder.model(config)
        with h5py.File(io.BytesIO(weights), "r") as file:
            if "model_weights" in file:
                take_by_name(model, file["model_weights"], path)
            else:
                take_by_place(model, config, file, path)
        if not builder.uses_objects:
            require_same(model, own, path)
    return model


def _with_own_layers(path: Path, folder: Path) -> Path:
    """The file, or a copy in the folder: in which no models share layers, or that ends in small
    letters, as Keras wants it.
    """
    suffix = path.suffix.lower()
    copy = folder / f"network{suffix}"
    if suffix == ".keras" and shares(path):
        write_out(path, copy)
    elif suffix != path.suffix:
        shutil.copyfile(path, copy)
    else:
        return path
    return copy


def _contents(path: Path) -> tuple[dict[str, Any], bytes]:
    """The configuration, and an HDF5 file with the weights."""
    if path.suffix.lower() == ".keras":
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            return config, archive.read("model.weights.h5")
    content = path.read_bytes()
    with h5py.File(io.BytesIO(content), "r") as file:
        return json.loads(file.attrs[_ATTRIBUTE_OF_CONFIG]), content
