"""How people see it: pictures with boxes and names, kept in a folder or shown in a window."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from facesdk.errors import DependencyError, one_line
from facesdk.files import make_folder
from facesdk.images import drawing, encode
from facesdk.images.decode import RgbImage
from facesdk.live.events import Event, Identified, Seen
from facesdk.live.loop import Live
from facesdk.live.snapshot import Snapshot

MOST_KEPT = 1000
"""Pictures that a folder holds; older ones of ours are removed."""

_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-\d+-(seen|identified)\.jpg")
_REFRESH_MS = 15


def drawn(shot: Snapshot) -> RgbImage:
    """The picture of a moment, with the box and the name of everybody in it."""
    faces = [track.face for track in shot.tracks]
    return drawing.draw_faces(shot.image, faces, labels=[track.label for track in shot.tracks])


class PictureFolder:
    """A picture of each person who is seen, and of each who is identified.

    Args:
        folder: Where they are kept, as ``TIME-TRACK-EVENT.jpg``; it is made.
        most: How many, at most; the oldest are removed, and no other files.

    Raises:
        InputError: The folder cannot be made.
    """

    def __init__(self, folder: Path, most: int = MOST_KEPT) -> None:
        self._folder, self._most = make_folder(folder), most

    def keep(self, event: Event, shot: Snapshot) -> Path | None:
        """Keep the picture of an event.

        Args:
            event: What happened.
            shot: The moment at which it did.

        Returns:
            The file; None for events of which none is kept.

        Raises:
            InputError: It cannot be written.
        """
        if not isinstance(event, (Seen, Identified)):
            return None
        path = self._folder / f"{event.at.replace(':', '-')}-{event.track}-{event.name}.jpg"
        encode.save(path, drawn(shot))
        kept = sorted(file for file in self._folder.iterdir() if _NAME.fullmatch(file.name))
        for old in kept[: -self._most]:
            old.unlink(missing_ok=True)
        return path


class Window:
    """A window on the screen with the newest picture; closing it, ``q`` and Escape stop the loop.

    It belongs to the thread that makes it, which must be the program's main one.

    Args:
        live: What is shown.
        title: What stands above it.

    Raises:
        DependencyError: Tk is not installed, or there is no display.
    """

    def __init__(self, live: Live, title: str) -> None:
        tk, self._image_tk = _tk()
        try:
            self._root = tk.Tk(className="facesdk")
        except tk.TclError as error:
            raise DependencyError(
                f"a window needs a display ({one_line(error)}): leave out --window, or set DISPLAY"
            ) from None
        self._live, self._number = live, -1
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", live.stop)
        for key in ("<Escape>", "q"):
            self._root.bind(key, lambda _: live.stop())
        self._label = tk.Label(self._root, borderwidth=0)
        self._label.pack()
        self._picture: Any = None

    def run(self, over: Callable[[], bool]) -> None:
        """Show pictures until the loop is over.

        Args:
            over: Whether it is.
        """

        def refresh() -> None:
            if over():
                self._root.quit()
                return
            shot = self._live.snapshot()
            if shot is not None and shot.number != self._number:
                self._number = shot.number
                self._picture = self._image_tk.PhotoImage(Image.fromarray(drawn(shot)))
                self._label.configure(image=self._picture)
            self._root.after(_REFRESH_MS, refresh)

        refresh()
        self._root.mainloop()

    def close(self) -> None:
        """Take it off the screen."""
        self._root.destroy()


def _tk() -> tuple[Any, Any]:
    if importlib.util.find_spec("tkinter") is None or importlib.util.find_spec("_tkinter") is None:
        raise DependencyError(
            "a window needs Tk, which this Python lacks: run `sudo apt install python3-tk "
            "python3-pil.imagetk`, or leave out --window"
        )
    import tkinter

    from PIL import ImageTk

    return tkinter, ImageTk
