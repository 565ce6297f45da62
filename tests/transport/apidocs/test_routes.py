import pytest

from actors.messages.content_ids import TEXTS
from tests.transport.http.lone_api import client
from transport.apidocs.asyncapi import asyncapi_document
from transport.apidocs.openapi import openapi_document
from transport.apidocs.routes import document_routes
from transport.http.exchange.app import HttpApp


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/openapi.json", openapi_document("7", "/below", TEXTS)),
        ("/asyncapi.json", asyncapi_document("7", "/below", TEXTS)),
    ],
)
async def test_each_document_is_served_as_json_with_the_releases_version(path: str, document: object) -> None:
    async with client(HttpApp(document_routes("7", "/below", TEXTS))) as reader:
        answer = await reader.get(path)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == document
    assert answer.json()["info"]["version"] == "7"
