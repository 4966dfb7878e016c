"""Addresses of streams, and the passwords in them."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit, urlunsplit


def without_password(url: str) -> str:
    """The address with neither user nor password, fit for messages."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def credentials(url: str) -> tuple[str, str] | None:
    """User and password of an address, as they are without percent signs; None without a user."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")
