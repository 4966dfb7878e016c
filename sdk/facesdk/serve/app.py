"""The application: routes, errors, and its description in OpenAPI."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from facesdk.serve import faces, live, people, problems, system
from facesdk.serve.middleware import Surroundings
from facesdk.serve.page import page
from facesdk.serve.problems import Problem
from facesdk.serve.service import Service
from facesdk.version import __version__

_ABOUT = """Faces in photos: where they are, whether two are of one person, and who it is.

A photo is sent as a file of a form (`multipart/form-data`) or in JSON as base64. Photos are kept in
memory for as long as the answer takes, and nowhere else. Errors are `application/problem+json`
(RFC 9457); `type` says which it is."""


def create_app(service: Service) -> FastAPI:
    """The application of a service, for uvicorn or another ASGI server."""
    app = _App(
        title="facesdk",
        version=__version__,
        description=_ABOUT,
        docs_url=None,  # FastAPI's pages load from another host
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for router in (faces.router, people.router, live.router, system.router, system.open_router):
        app.include_router(router)
    app.add_route("/", _page, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Surroundings, service=service)
    return app


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The description, with the schema of errors, which no model of Pydantic is."""
        if self.openapi_schema is None:
            schema = super().openapi()
            schema["components"]["schemas"]["Problem"] = problems.SCHEMA
        return super().openapi()


async def _page(request: Request) -> Response:
    return page.response(gzip="gzip" in request.headers.get("accept-encoding", ""))


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _of_framework(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problems.of_status(error.status_code, error.detail, error.headers).response()


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": ".".join(map(str, row["loc"][1:])), "message": row["msg"]}
        for row in error.errors()
    ]
    detail = "; ".join(f"{row['field']}: {row['message']}" for row in errors)
    return Problem("invalid-request", detail, errors=errors).response()
