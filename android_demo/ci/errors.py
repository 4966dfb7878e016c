"""Why a build or a check of the Android project stopped: one line that says what to do."""

from __future__ import annotations


class AndroidError(Exception):
    """Base of what these scripts raise on purpose."""


class ToolError(AndroidError):
    """A program is missing, or it failed."""


class FetchError(AndroidError):
    """A pinned file could not be fetched, or is not the pinned one."""


class CheckError(AndroidError):
    """Something that was built is not what it must be."""
