"""Both documents say which ids of contents this service takes."""

from typing import Any

import jsonschema_rs
import pytest

from actors.messages.content_ids import CONTENT_IDS, ContentIdKind
from actors.messages.sync import WatchlistUpdate
from tests.contents import NO_TEXT_IDS, SPELLED, TEXT_IDS
from transport.apidocs.asyncapi import asyncapi_document
from transport.apidocs.openapi import openapi_document
from transport.apidocs.schemas import schemas_of
from transport.http.exchange.responses import WriteResponse


def takes(schemas: dict[str, Any], name: str, content_id: str) -> bool:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    message = {"type": "watchlist_update", "action": "add", "operation": "add", "success": True, "status": "added"}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return validator.is_valid(message | {"content_id": content_id})


@pytest.mark.parametrize(("kind", "taken"), [("uuid", (SPELLED, SPELLED.upper())), ("text", (SPELLED, *TEXT_IDS))])
@pytest.mark.parametrize("name", ["WatchlistUpdate", "WriteResponse"])  # in the second it may be null, too
def test_a_schema_takes_the_ids_that_the_service_takes(kind: ContentIdKind, taken: tuple[str, ...], name: str) -> None:
    schemas = schemas_of((WatchlistUpdate, WriteResponse), CONTENT_IDS[kind])
    offered = (SPELLED, *TEXT_IDS, *NO_TEXT_IDS)
    assert {content_id for content_id in offered if takes(schemas, name, content_id)} == set(taken)


@pytest.mark.parametrize("document", [openapi_document, asyncapi_document])
def test_each_document_has_the_schemas_of_the_kind_that_is_taken(document: Any) -> None:
    of_text = document("1", "", CONTENT_IDS["text"])["components"]["schemas"]
    assert takes(of_text, "WatchlistUpdate", "tt0111161")
    assert not takes(document("1")["components"]["schemas"], "WatchlistUpdate", "tt0111161")
