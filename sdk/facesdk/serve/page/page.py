"""The page: one file that loads nothing from anywhere, and says so to the browser.

``index.html`` is what people see, ``page.css`` how, ``page.js`` what it does; they are put into one
document when the service starts. The browser runs that script and no other (Content Security
Policy), so that a name somebody is enrolled under can never become a program.
"""

from __future__ import annotations

import base64
import gzip as gzip_module
import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import Response

_FOLDER = Path(__file__).parent
_STYLE, _SCRIPT = "/* page.css */", "/* page.js */"


def response(*, gzip: bool) -> Response:
    """The page.

    Args:
        gzip: Whether the browser takes it compressed.
    """
    content, compressed, policy = _document()
    headers = {"Content-Security-Policy": policy, "Vary": "Accept-Encoding"}
    if gzip:
        headers["Content-Encoding"] = "gzip"
    return Response(compressed if gzip else content, media_type="text/html", headers=headers)


@cache
def _document() -> tuple[bytes, bytes, str]:
    """The document, compressed too, and the policy that allows its style and script alone."""
    html = (_FOLDER / "index.html").read_text()
    style = (_FOLDER / "page.css").read_text()
    script = (_FOLDER / "page.js").read_text()
    content = html.replace(_STYLE, style).replace(_SCRIPT, script).encode()
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "img-src 'self' data: blob:",
            "media-src blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    return content, gzip_module.compress(content, mtime=0), policy


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
