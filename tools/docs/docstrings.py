"""Our docstrings as Markdown, for the API reference.

An extension of griffe, which reads the sources for mkdocstrings (``extensions`` in ``mkdocs.yml``).
"""

from __future__ import annotations

from typing import Any

import griffe

from tools.docs.markdown import to_markdown


class Docstrings(griffe.Extension):
    """Turns what Markdown does not know into what it knows."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for every module, class, function and attribute it has read."""
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)
