"""A step of a chain: a method with checked settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from facesdk.errors import InputError
from facesdk_training.architectures.strict import checked, in_words
from facesdk_training.compression.frame.method import Method
from facesdk_training.compression.methods import method


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a chain.

    Attributes:
        method: What is done.
        settings: An object of the method's class of settings.
    """

    method: Method
    settings: Any

    def to_dict(self) -> dict[str, Any]:
        """Its method and all settings."""
        return {"method": self.method.name, "settings": asdict(self.settings)}


def step(name: str, settings: Mapping[str, Any]) -> Step:
    """A step by the name of its method and settings as in a TOML table.

    Raises:
        InputError: There is no such method or setting, or a value does not fit.
    """
    found = method(name)
    try:
        values = checked(TypeAdapter(found.settings), settings)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, row['loc']))}: {in_words(row)}" for row in error.errors()
        )
        raise InputError(f"{name}: {problems}") from None
    return Step(found, values)
