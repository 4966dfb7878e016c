"""The description in OpenAPI: it is valid, has examples, and is what the service does."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from facesdk.engine import FaceEngine
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.serve.access.tokens import Token
from facesdk.serve.app import create_app
from facesdk.serve.engines import Engines
from facesdk.serve.problems import KINDS, PREFIX
from facesdk.serve.service import Service
from facesdk.serve.work.limits import Limits


def test_every_operation_says_what_it_takes_and_answers(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"] and operation["description"], where
            assert ("security" in operation) == (path != "/healthz"), where
            answers = operation["responses"]
            assert ("401" in answers) == (path != "/healthz"), where
            for status, answer in answers.items():
                kind = "application/problem+json" if status >= "400" else None
                assert kind is None or list(answer["content"]) == [kind], where
            if method == "post":
                content = operation["requestBody"]["content"]
                assert set(content) == {"multipart/form-data", "application/json"}, where
                assert content["application/json"]["examples"], where
    kinds = described["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert kinds == [PREFIX + name for name in KINDS]


def test_the_page_on_serving_lists_every_problem_and_every_address(client: TestClient) -> None:
    page = (Path(__file__).parents[3] / "docs/use/serve.md").read_text()
    for name, kind in KINDS.items():
        assert f"`{name}`" in page, name
        rows = [row for row in page.splitlines() if row.startswith("|") and f"`{name}`" in row]
        assert any(f"| {kind.status} |" in row for row in rows), name
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method in operations:
            assert f"`{method.upper()} {path.replace('{who}', 'ID')}`" in page


@pytest.fixture
def fuzzed(
    engine: FaceEngine,
    secret: tuple[Token, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    monkeypatch.setenv("FACESDK_GALLERY_KEY", base64.b64encode(bytes(range(32))).decode())
    engines = Engines(engine, Limits())
    with SqliteGallery.open(tmp_path / "g.db", embedder=engine.embedder, create=True) as gallery:
        yield create_app(Service(engines, secret[0], gallery))
    engines.close()


@pytest.mark.slow
def test_drawn_requests_are_answered_as_described(fuzzed: Any, secret: tuple[Token, str]) -> None:
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import checks, generation

    schema = schemathesis.openapi.from_asgi("/openapi.json", fuzzed)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 10
    wanted = [
        checks.CHECKS.get_one(name)
        for name in (
            "not_a_server_error",
            "status_code_conformance",
            "content_type_conformance",
            "response_schema_conformance",
        )
    ]
    asked: set[str] = set()

    def examine(operation: Any, mode: Any) -> None:
        @settings(
            max_examples=8,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def answers(case: Any) -> None:
            case.headers["Authorization"] = f"Bearer {secret[1]}"
            answer = case.call()
            asked.add(f"{operation.label} {answer.status_code}")
            case.validate_response(answer, checks=wanted)

        answers()

    for operation in operations:
        examine(operation, generation.GenerationMode.POSITIVE)
        if {"requestBody", "parameters"} & set(operation.definition.raw):
            examine(operation, generation.GenerationMode.NEGATIVE)
    assert {"POST /v1/detect 422", "DELETE /v1/people/{who} 404", "GET /metrics 200"} <= asked
