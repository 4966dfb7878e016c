"""When the whole picture is searched for faces: as often as a share of the time allows.

To search costs more than to follow, the more the larger the picture is. If it took ``c`` seconds
lately and may have a share ``s`` of the time, the next search is due ``c / s`` seconds after the
last one began: on a quick computer with nearly every picture, on a slow one every second, and the
pictures between are not held up.
"""

from __future__ import annotations

from dataclasses import dataclass

from facesdk.errors import InputError

_MEMORY = 0.8
"""Share of the old in the running mean of the cost."""


@dataclass(slots=True)
class Schedule:
    """Says whether the next picture is to be searched.

    Attributes:
        share: Share of the time that searches may take, above 0 and up to 1.
        every: Search every so many pictures instead; None leaves it to the share.
        cost: Seconds that a search takes, a running mean; 0 before the first.
    """

    share: float = 0.5
    every: int | None = None
    cost: float = 0.0
    _last: float | None = None
    _since: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError(
                f"the share of searches must be above 0 and up to 1, but got {self.share:g}"
            )
        if self.every is not None and self.every < 1:
            raise InputError(
                f"pictures from search to search must be 1 or more, but got {self.every}"
            )

    def due(self, time: float) -> bool:
        """Whether to search a picture; called once for each.

        Args:
            time: Of the picture, in seconds of the source.
        """
        self._since += 1
        if self._last is None:
            return True
        if self.every is not None:
            return self._since >= self.every
        return time - self._last >= self.cost / self.share

    def searched(self, time: float, seconds: float) -> None:
        """Take note of a search.

        Args:
            time: Of the picture, as in :meth:`due`.
            seconds: How long it took.
        """
        first = self._last is None
        self.cost = seconds if first else _MEMORY * self.cost + (1 - _MEMORY) * seconds
        self._last, self._since = time, 0
