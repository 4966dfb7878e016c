"""Whether the board slowed its processor down.

Raspberry Pi: the bits of ``vcgencmd get_throttled``, which the kernel also shows in sysfs
(Raspberry Pi documentation, "vcgencmd"). x86: the kernel's counters of thermal throttling.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesdk.measure.environment import read_value

_SYSFS = "sys/devices/platform/soc/soc:firmware/get_throttled"
_NOW = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
_SINCE_BOOT = 16
"""The same four conditions, since the board started, are this many bits higher."""


@dataclass(frozen=True, slots=True)
class Throttling:
    """The state at one moment.

    Attributes:
        source: Where it was read.
        now: Conditions that hold now, in words.
        since_boot: Conditions that held at some time since the board started.
        events: How often x86 processors were throttled since they started; None elsewhere.
    """

    source: str
    now: tuple[str, ...]
    since_boot: tuple[str, ...]
    events: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "source": self.source,
            "now": list(self.now),
            "since_boot": list(self.since_boot),
            "events": self.events,
        }


def read_throttling(root: Path = Path("/"), vcgencmd: str | None = None) -> Throttling | None:
    """The state now; None where nothing tells.

    Args:
        root: Where ``/sys`` is.
        vcgencmd: The program to ask where sysfs has no answer; None looks for it, if ``root`` is
            this computer's.
    """
    try:
        return parse_get_throttled(read_value(root / _SYSFS), "sysfs")
    except ValueError:
        pass
    program = vcgencmd or (shutil.which("vcgencmd") if root == Path("/") else None)
    if program:
        try:
            done = subprocess.run(
                [program, "get_throttled"], capture_output=True, text=True, timeout=5, check=True
            )
            return parse_get_throttled(done.stdout, "vcgencmd")
        except (OSError, ValueError, subprocess.SubprocessError):
            pass
    return _x86(root)


def parse_get_throttled(text: str, source: str) -> Throttling:
    """The firmware's answer, ``throttled=0x50005`` or the number alone.

    Raises:
        ValueError: It is something else.
    """
    found = re.fullmatch(r"(?:throttled=)?(?:0x)?([0-9a-fA-F]+)", text.strip())
    if not found:
        raise ValueError(f"not an answer of get_throttled: {text!r}")
    bits = int(found[1], 16)
    now = tuple(name for bit, name in _NOW.items() if bits >> bit & 1)
    past = tuple(name for bit, name in _NOW.items() if bits >> (bit + _SINCE_BOOT) & 1)
    return Throttling(source, now, past)


def _x86(root: Path) -> Throttling | None:
    counters = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/*_count")
    counts = [int(text) for path in counters if (text := read_value(path)).isdecimal()]
    return Throttling("thermal_throttle", (), (), sum(counts)) if counts else None
