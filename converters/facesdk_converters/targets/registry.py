"""The targets of ``facesdk convert``, by name.

A target is a module with a function that takes the options of its verb and returns a
:class:`~facesdk_converters.targets.target.Target`. It is imported when it is used: some of what
targets need takes seconds to load.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facesdk_converters.targets.target import Target

TARGETS = {
    "lce": "facesdk_converters.targets.lce.target:target",
    "binary-weights": "facesdk_converters.targets.binary_weights:target",
    "fixed-point": "facesdk_converters.targets.fixed_point.target:target",
    "float16": "facesdk_converters.targets.floating:float16",
    "float32": "facesdk_converters.targets.floating:float32",
}
"""Where each target is made, as ``module:function``."""


def load(name: str, **options: Any) -> Target:
    """A target.

    Args:
        name: A key of :data:`TARGETS`.
        options: The options of its verb.

    Raises:
        InputError: An option has none of its possible values.
    """
    module, _, function = TARGETS[name].partition(":")
    target: Target = getattr(importlib.import_module(module), function)(**options)
    return target
