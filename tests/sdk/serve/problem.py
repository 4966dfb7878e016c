"""What every error of the service must look like."""

from __future__ import annotations

from typing import Any

from facesdk.serve.problems import KINDS, MEDIA_TYPE, PREFIX


def of(answer: Any) -> dict[str, Any]:
    """The record of an answer that is an error, checked; ``kind`` is added."""
    assert answer.headers["content-type"] == MEDIA_TYPE, answer.text
    record: dict[str, Any] = answer.json()
    kind = record["type"].removeprefix(PREFIX)
    assert KINDS[kind].status == answer.status_code == record["status"]
    assert record["title"] == KINDS[kind].title
    assert record["detail"] and "\n" not in record["detail"]
    assert "Traceback" not in answer.text
    return {"kind": kind, **record}
