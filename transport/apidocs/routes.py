"""Serves the API's documents: ``/openapi.json`` and ``/asyncapi.json``.

They describe HTTP and WebSocket both, so the HTTP API is handed these routes and does not know them.
"""

from collections.abc import Callable
from functools import cache

import msgspec
from starlette.responses import Response

from actors.messages.content_ids import UUIDS, ContentIds
from transport.apidocs.asyncapi import asyncapi_document
from transport.apidocs.openapi import openapi_document
from transport.apidocs.openapi_parts import Json
from transport.http.exchange.app import Endpoint, HttpRequest, Routes

Document = Callable[[str, str, ContentIds], Json]


def document_routes(version: str, path_prefix: str = "", content_ids: ContentIds = UUIDS) -> Routes:
    """Return the routes that serve the documents of ``version``; ``openapi_document`` explains the other arguments."""
    return {
        "/openapi.json": {"GET": _serving(openapi_document, version, path_prefix, content_ids)},
        "/asyncapi.json": {"GET": _serving(asyncapi_document, version, path_prefix, content_ids)},
    }


def _serving(document: Document, version: str, path_prefix: str, content_ids: ContentIds) -> Endpoint:
    async def serve(_request: HttpRequest) -> Response:
        return Response(_encoded(document, version, path_prefix, content_ids), media_type="application/json")

    return serve


@cache
def _encoded(document: Document, version: str, path_prefix: str, content_ids: ContentIds) -> bytes:
    return msgspec.json.encode(document(version, path_prefix, content_ids))
