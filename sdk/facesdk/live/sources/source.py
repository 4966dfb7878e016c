"""What every source of pictures offers: a camera, a stream, a video file, a folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from facesdk.images.decode import RgbImage


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture.

    Attributes:
        image: uint8 RGB ``(H, W, 3)``; nobody changes it any more.
        time: Seconds since the source was opened: in a file, the picture's own time; of a camera or
            a stream, when it was read.
    """

    image: RgbImage
    time: float


class Source(Protocol):
    """Pictures, one after the other; used by one thread at a time.

    It is made closed, and may be opened again after it was closed or lost.
    """

    @property
    def name(self) -> str:
        """What messages call it; no password is in it."""
        ...

    @property
    def paced(self) -> bool:
        """Whether pictures come when they happen (camera, stream): then one may be missed, and a
        loss may be mended by opening it again. A file gives the next one whenever it is asked.
        """
        ...

    @property
    def unreadable(self) -> int:
        """How many pictures could not be decoded and were left out, since it was first opened."""
        ...

    def open(self) -> None:
        """Connect.

        Raises:
            InputError: There is no such source, or it is none; :class:`SourceLostError`, which is
                one, where another try may help.
            DependencyError: It needs a library that is not installed.
        """
        ...

    def read(self) -> Frame | None:
        """The next picture; waits for it.

        Returns:
            None at the end, of a file or a folder.

        Raises:
            SourceLostError: It gives no more pictures; opening it again may help.
        """
        ...

    def close(self) -> None:
        """Let it go; nothing happens if it is closed."""
        ...
