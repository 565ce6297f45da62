"""The part of the API document about progress names what the API takes and answers, and shows an example of each."""

from typing import Any

import msgspec
import pytest

from actors.messages.progress import ProgressChange
from transport.apidocs.openapi import openapi_document
from transport.apidocs.openapi_progress import PROGRESS_TYPES
from transport.http.exchange.responses import ProgressPage, ProgressResponse

DOCUMENT = openapi_document("0.1.0")
READ, WRITE = (DOCUMENT["paths"]["/api/v1/sync/progress"][method] for method in ("get", "post"))


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (WRITE["requestBody"], ProgressChange),
        (WRITE["responses"]["200"], ProgressResponse),
        (READ["responses"]["200"], ProgressPage),
    ],
)
def test_its_examples_decode_as_what_they_are_of(part: dict[str, Any], kind: type) -> None:
    assert kind in PROGRESS_TYPES
    example = next(iter(part["content"]["application/json"]["examples"].values()))["value"]
    decoded = msgspec.convert(example, kind)
    assert msgspec.json.decode(msgspec.json.encode(decoded)) | example == msgspec.json.decode(
        msgspec.json.encode(decoded)
    )


def test_all_that_writes_to_a_collection_can_be_traced() -> None:
    def is_traced(operation: dict[str, Any]) -> bool:
        return "traceparent" in [one["name"] for one in operation.get("parameters", ())]

    assert {path for path, operations in DOCUMENT["paths"].items() if is_traced(operations.get("post", {}))} == {
        f"/api/v1/sync/{part}" for part in ("watchlist", "lists/{list}", "operations", "progress")
    }


def test_what_is_in_progress_can_be_asked_for_of_progress_alone() -> None:
    assert [one["name"] for one in READ["parameters"]][-1] == "state"
    assert "state" not in [one["name"] for one in DOCUMENT["paths"]["/api/v1/sync/watchlist"]["get"]["parameters"]]


def test_an_update_needs_a_position_and_a_removal_does_not() -> None:
    update, removal = DOCUMENT["components"]["schemas"]["ProgressChange"]["anyOf"]
    assert (update["required"], removal["properties"]) == (["position_seconds"], {"operation": {"const": "remove"}})
