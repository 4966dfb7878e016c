"""Whether files that are open still lie at their paths.

A file may be removed while it is open, or another be moved into its place, such as a copy that is
restored. What is written then goes where nobody will find it.
"""

from __future__ import annotations

from pathlib import Path


class OpenedFiles:
    """Files of a program, as they lay at their paths when they were noted."""

    def __init__(self) -> None:
        self._identities: dict[Path, tuple[int, int]] = {}

    def note(self, *paths: Path) -> None:
        """Remember what lies at some paths now; one where nothing lies is passed over."""
        for path in paths:
            found = _identity(path)
            if found is not None:
                self._identities[path.absolute()] = found

    def displaced(self) -> Path | None:
        """A path at which its file does not lie any more; None where all do."""
        rows = self._identities.items()
        return next((path for path, known in rows if _identity(path) != known), None)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and number of the file that a path leads to; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
