"""Health, models, status, metrics, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from facesdk.engine import FaceEngine
from facesdk.models import registry
from facesdk.version import __version__


def test_health_needs_no_token(serving: Callable[..., TestClient]) -> None:
    answer = serving(shows_token=False).get("/healthz")
    assert answer.json() == {"status": "ok", "version": __version__, "token_required": True}


def test_models_are_those_of_the_package(client: TestClient, engine: FaceEngine) -> None:
    record = client.get("/v1/models").json()
    assert record["model_id"] == engine.embedder.model_id
    assert [row["sha256"] for row in record["packaged"]] == [
        entry.sha256 for entry in registry.packaged()
    ]
    thresholds = engine.embedder.contract.thresholds
    assert [(row["fmr"], row["similarity"]) for row in record["thresholds"]] == [
        (row.fmr, row.similarity) for row in thresholds
    ]


def test_requests_and_stages_are_counted(
    serving: Callable[..., TestClient], photo: Callable[[str], bytes]
) -> None:
    client = serving()
    for _ in range(3):
        client.post("/v1/detect", files={"photo": photo("obama")})
    client.post("/v1/detect", files={"photo": b"nothing"})
    client.get("/nowhere/at/all")
    status = client.get("/v1/status").json()
    assert status["latencies_ms"]["detect"]["n"] == 3
    assert status["latencies_ms"]["detect"]["median"] > 0
    assert status["memory_mb"] > 10 and status["inside"] == 0
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {row.name: row.samples for row in text_string_to_metric_families(answer.text)}
    counted = {
        (row.labels["route"], row.labels["status"]): row.value
        for row in families["facesdk_requests"]
        if row.name == "facesdk_requests_total"
    }
    assert counted["/v1/detect", "200"] == 3
    assert counted["/v1/detect", "422"] == 1
    assert counted["other", "404"] == 1, "an address of a client must not become a label"
    stages = {row.labels.get("stage") for row in families["facesdk_stage_seconds"]}
    assert stages == {"decode", "detect"}
    assert families["facesdk_requests_inside"][0].value == 0


def test_answers_are_not_kept_and_not_framed(client: TestClient) -> None:
    for path in ("/", "/healthz", "/nowhere", "/v1/models"):
        headers = client.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
