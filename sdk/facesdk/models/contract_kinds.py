"""What a field of a contract may hold: each kind checks a value, and is a JSON schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]


class Kind(Protocol):
    """What a field may hold."""

    def wanted(self, value: object) -> str | None:
        """None if a value may stand there; else what it must be, in words."""

    def schema(self) -> Json:
        """The same as a JSON schema."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string; with ``line``, one line of printable characters; with ``null``, or None."""

    line: bool = False
    null: bool = False

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        if value is None and self.null:
            return None
        if not isinstance(value, str):
            return "a string or null" if self.null else "a string"
        right = not self.line or (value and value.isprintable())
        return None if right else "one line of printable characters"

    def schema(self) -> Json:
        """See :class:`Kind`; Unicode has more unprintable characters than a pattern can list."""
        unprintable = {"pattern": "[\\u0000-\\u001f\\u007f-\\u00a0\\u2028\\u2029]"}
        kind = ["string", "null"] if self.null else "string"
        return {"type": kind, **({"minLength": 1, "not": unprintable} if self.line else {})}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    values: tuple[str | None, ...]

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        words = ", ".join("null" if row is None else row for row in self.values)
        return None if value in self.values else f"one of {words}"

    def schema(self) -> Json:
        """See :class:`Kind`."""
        return {"enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Constant:
    """One whole number."""

    value: int

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        return None if type(value) is int and value == self.value else str(self.value)

    def schema(self) -> Json:
        """See :class:`Kind`."""
        return {"const": self.value}


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        return None if isinstance(value, bool) else "true or false"

    def schema(self) -> Json:
        """See :class:`Kind`."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a range; ``whole`` ones have no fraction, ``between`` leaves out the ends."""

    low: float
    high: float
    whole: bool = False
    null: bool = False
    between: bool = False

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        if (value is None and self.null) or self._holds(value):
            return None
        null, kind = "null or " if self.null else "", "whole number" if self.whole else "number"
        if self.between:
            return f"{null}a {kind} above {self.low:,} and below {self.high:,}"
        return f"{null}a {kind} from {self.low:,} to {self.high:,}"

    def schema(self) -> Json:
        """See :class:`Kind`."""
        kind = "integer" if self.whole else "number"
        prefix = "exclusiveM" if self.between else "m"
        return {
            "type": [kind, "null"] if self.null else kind,
            f"{prefix}inimum": self.low,
            f"{prefix}aximum": self.high,
        }

    def _holds(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if self.whole and not isinstance(value, int):
            return False
        return self.low < value < self.high if self.between else self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Direction:
    """A vector that is not 0, of any length, or None."""

    most: int

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        if value is None or (isinstance(value, tuple) and self._holds(value)):
            return None
        return f"null or a list of 1 to {self.most:,} numbers from -1 to 1 that are not all 0"

    def schema(self) -> Json:
        """See :class:`Kind`."""
        return {
            "type": ["array", "null"],
            "items": {"type": "number", "minimum": -1, "maximum": 1},
            "contains": {"not": {"const": 0}},
            "maxItems": self.most,
        }

    def _holds(self, value: tuple[object, ...]) -> bool:
        right = all(Number(-1, 1).wanted(number) is None for number in value)
        return right and len(value) <= self.most and any(value)


@dataclass(frozen=True, slots=True)
class Part:
    """A record of its own, a key of :data:`PARTS`; with ``many`` any number of them."""

    name: str
    many: bool = False
    null: bool = False

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`; what is in it, its own fields say."""
        if self.many:
            return None if isinstance(value, tuple) else f"a tuple of {self.name} records"
        return None if self.null or value is not None else f"a record of the kind {self.name}"

    def schema(self) -> Json:
        """See :class:`Kind`."""
        reference = {"$ref": f"#/$defs/{self.name}"}
        return {"type": "array", "items": reference} if self.many else reference
