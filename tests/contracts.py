"""Small contracts for tests: valid, and what a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from facesdk.models.contract import Contract, InputSpec


def recognition(dim: int = 192, **fields: Any) -> Contract:
    """A contract of a network that makes embeddings of 112x112 RGB crops."""
    return Contract(
        **{
            "name": "m",
            "task": "recognition",
            "architecture": "a",
            "variant": "QB",
            "input": InputSpec(112, 112, "RGB", 127.5, 128.0),
            "license": "Apache-2.0",
            "source": "a test",
            "source_sha256": "0" * 64,
            "template": "arcface-112x112",
            "dim": dim,
            **fields,
        }
    )


def other(height: int | None, width: int | None, **fields: Any) -> Contract:
    """A contract of a network that is not about faces and takes its numbers as they are."""
    return Contract(
        **{
            "name": "m",
            "task": "other",
            "architecture": "a",
            "variant": "Q",
            "input": InputSpec(height, width, color="any", mean=0.0, scale=1.0),
            "license": "Apache-2.0",
            "source": "random",
            "source_sha256": "",
            **fields,
        }
    )
