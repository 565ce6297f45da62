"""Serves the API's documents: ``/openapi.json`` and ``/asyncapi.json``.

They describe HTTP and WebSocket both, so the HTTP API is handed these routes and does not know them.
"""

from collections.abc import Callable
from functools import cache

import msgspec
from starlette.responses import Response

from transport.apidocs.asyncapi import asyncapi_document
from transport.apidocs.openapi import openapi_document
from transport.apidocs.openapi_parts import Json
from transport.http.app import Endpoint, HttpRequest, Routes


def document_routes(version: str, path_prefix: str = "") -> Routes:
    """Return the routes that serve the documents of ``version``, which say that paths are below ``path_prefix``."""
    return {
        "/openapi.json": {"GET": _serving(openapi_document, version, path_prefix)},
        "/asyncapi.json": {"GET": _serving(asyncapi_document, version, path_prefix)},
    }


def _serving(document: Callable[[str, str], Json], version: str, path_prefix: str) -> Endpoint:
    async def serve(_request: HttpRequest) -> Response:
        return Response(_encoded(document, version, path_prefix), media_type="application/json")

    return serve


@cache
def _encoded(document: Callable[[str, str], Json], version: str, path_prefix: str) -> bytes:
    return msgspec.json.encode(document(version, path_prefix))
