"""Packaged sample photos, all in the public domain; ``ORIGIN.md`` says where they come from."""

from __future__ import annotations

from pathlib import Path

OBAMA, OBAMA2, BIDEN = (
    Path(__file__).with_name(f"{name}.jpg") for name in ("obama", "obama2", "biden")
)
"""Two photos of one person and one of another."""
