"""What a request carries: fields and photos, as multipart or as JSON with base64.

Bodies are kept in memory, photos too, and no longer than the answer takes: nothing is written to a
disk (a form's larger files would be, by the framework's default).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from facesdk.serve.problems import Problem
from facesdk.serve.work.limits import Limits

JSON, FORM = "application/json", "multipart/form-data"
_MOST_PARTS = 32
_MOST_TEXT = 64_000
"""Bytes of a field of a form that is not a file; a photo as base64 may be one, and is larger."""


def _from_base64(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.partition(",")[2] if value.startswith("data:") else value
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    if not content:
        raise ValueError("is empty: send a photo")
    return content


Photo = Annotated[bytes, BeforeValidator(_from_base64)]
"""The bytes of an image file; in JSON as base64, which may be a ``data:`` URL."""


class Fields(BaseModel):
    """What a request carries; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


F = TypeVar("F", bound=Fields)


async def read(request: Request, fields: type[F], limits: Limits) -> F:
    """The fields of a request.

    Raises:
        Problem: It is too large, too slow, of another content type, no form or JSON, or a field is
            wrong.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (JSON, FORM):
        raise Problem(
            "unsupported-media-type",
            f"send {FORM} or {JSON}, but got {kind or 'no content type'}",
            headers={"Accept-Post": f"{FORM}, {JSON}"},
        )
    try:
        declared = int(request.headers.get("content-length", "0"))
    except ValueError:
        raise Problem("bad-request", "Content-Length is not a number") from None
    if declared > limits.body_bytes:
        raise _too_large(limits)
    try:
        values = await asyncio.wait_for(_values(request, kind, limits), limits.arrival_s)
    except asyncio.TimeoutError:
        raise Problem(
            "slow-request",
            f"the body must arrive within {limits.arrival_s:g} s: send a smaller photo",
            headers={"Connection": "close"},
        ) from None
    try:
        if kind == FORM:  # its photos are bytes: nothing that takes time
            return fields.model_validate(values)
        return await asyncio.to_thread(fields.model_validate, values, strict=True)
    except ValidationError as error:
        raise _invalid(error) from None


async def _values(request: Request, kind: str, limits: Limits) -> dict[str, Any]:
    stream = _bounded(request, limits)
    if kind == FORM:
        return await _form(request.headers, stream, limits)
    content = b"".join([chunk async for chunk in stream])
    try:
        values = await asyncio.to_thread(json.loads, content)
    except (ValueError, RecursionError):
        raise Problem("bad-request", "the body is not JSON") from None
    if not isinstance(values, dict):
        raise Problem("invalid-request", "the body must be a JSON object")
    return values


async def _bounded(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limits.body_bytes:
            raise _too_large(limits)
        yield chunk


async def _form(headers: Headers, stream: AsyncIterator[bytes], limits: Limits) -> dict[str, Any]:
    parser = MultiPartParser(
        headers,
        stream,  # type: ignore[arg-type]
        max_files=_MOST_PARTS,
        max_fields=_MOST_PARTS,
        max_part_size=_MOST_TEXT,
    )
    parser.spool_max_size = limits.body_bytes + 1  # larger files would go to a disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Problem("bad-request", f"the form cannot be read: {error.message}") from None
    values: dict[str, Any] = {}
    for name, value in form.multi_items():
        content = await value.read() if isinstance(value, UploadFile) else value
        if name in values:
            several = values[name]
            values[name] = [*several, content] if isinstance(several, list) else [several, content]
        else:
            values[name] = content
    await form.close()
    return values


def _too_large(limits: Limits) -> Problem:
    return Problem(
        "too-large",
        f"a request may have {limits.body_bytes / 1e6:g} MB at most: scale the photo down",
        headers={"Connection": "close"},
    )


def _invalid(error: ValidationError) -> Problem:
    errors = [
        {
            "field": ".".join(map(str, row["loc"])) or "body",
            "message": row["msg"].removeprefix("Value error, "),
        }
        for row in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    detail = "; ".join(f"{row['field']}: {row['message']}" for row in errors)
    return Problem("invalid-request", detail, errors=errors)


def body_of(fields: type[Fields], example: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a request that :func:`read` reads.

    Args:
        fields: The fields.
        example: Values of an example, of photos the first characters of their base64.
    """
    schema = fields.model_json_schema(ref_template="#/components/schemas/{model}")
    return {
        "requestBody": {
            "required": True,
            "content": {
                FORM: {"schema": _with_photos(schema, {"type": "string", "format": "binary"})},
                JSON: {
                    "schema": _with_photos(
                        schema,
                        {"type": "string", "contentEncoding": "base64", "format": "byte"},
                    ),
                    "examples": {"base64": {"value": example}},
                },
            },
        }
    }


def _with_photos(schema: Any, photo: dict[str, Any]) -> Any:
    """A schema in which each photo, bytes for Pydantic, is what a content type makes of it."""
    if isinstance(schema, dict):
        if schema.get("type") == "string" and schema.get("format") == "binary":
            return {**{k: v for k, v in schema.items() if k not in ("type", "format")}, **photo}
        return {key: _with_photos(value, photo) for key, value in schema.items()}
    return [_with_photos(row, photo) for row in schema] if isinstance(schema, list) else schema
