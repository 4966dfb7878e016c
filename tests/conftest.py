"""Settings for every test."""

from __future__ import annotations

from hypothesis import settings

# No deadline: a loaded machine must not fail a test.
settings.register_profile("facesdk", deadline=None)
settings.load_profile("facesdk")
