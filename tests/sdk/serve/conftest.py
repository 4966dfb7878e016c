"""A service with the packaged models, asked without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from facesdk import samples
from facesdk.engine import FaceEngine
from facesdk.serve.access.tokens import Token, open_token
from facesdk.serve.app import create_app
from facesdk.serve.engines import Engines
from facesdk.serve.service import Service
from facesdk.serve.work.limits import Limits

SAMPLES = Path(samples.__file__).parent


@pytest.fixture(scope="session")
def engine() -> FaceEngine:
    return FaceEngine.load(min_face=40, workers=2)


@pytest.fixture(scope="session")
def photo() -> Callable[[str], bytes]:
    """The bytes of a packaged portrait: ``obama``, ``obama2`` or ``biden``."""
    return lambda name: (SAMPLES / f"{name}.jpg").read_bytes()


@pytest.fixture(scope="session")
def secret(tmp_path_factory: pytest.TempPathFactory) -> tuple[Token, str]:
    token, made = open_token(tmp_path_factory.mktemp("token") / "token.json")
    assert made is not None
    return token, made


@pytest.fixture(scope="session")
def serving(engine: FaceEngine, secret: tuple[Token, str]) -> Iterator[Callable[..., TestClient]]:
    """A client of a service with some limits, which shows the token unless told not to."""
    opened: list[Engines] = []

    def start(*, shows_token: bool = True, has_token: bool = True, **limits: float) -> TestClient:
        engines = Engines(engine, Limits(**limits))  # type: ignore[arg-type]
        opened.append(engines)
        service = Service(engines, secret[0] if has_token else None)
        headers = {"Authorization": f"Bearer {secret[1]}"} if shows_token else {}
        return TestClient(create_app(service), "http://127.0.0.1", headers=headers)

    yield start
    for engines in opened:
        engines.close()


@pytest.fixture(scope="session")
def client(serving: Callable[..., TestClient]) -> TestClient:
    return serving()
