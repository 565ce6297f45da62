"""The part of the API document about lists names what the API takes and answers, and shows an example of each."""

from typing import Any

import msgspec
import pytest

from transport.apidocs.openapi import openapi_document
from transport.apidocs.openapi_lists import LIST_ID, LIST_TYPES, put_list, read_lists
from transport.http.exchange.requests import ListRequest
from transport.http.exchange.responses import ListsResponse, NamedList

PATHS = openapi_document("0.1.0")["paths"]


def example_of(part: dict[str, Any]) -> bytes:
    ((_, example),) = part["content"]["application/json"]["examples"].items()
    return msgspec.json.encode(example["value"])


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (read_lists()["responses"]["200"], ListsResponse),
        (put_list()["requestBody"], ListRequest),
        (put_list()["responses"]["200"], NamedList),
        (put_list()["responses"]["201"], NamedList),
    ],
)
def test_its_examples_decode_as_what_they_are_of(part: dict[str, Any], kind: type) -> None:
    assert kind in LIST_TYPES
    assert msgspec.json.encode(msgspec.json.decode(example_of(part), type=kind, strict=True)) == example_of(part)


def test_every_operation_on_a_list_says_which() -> None:
    operations = PATHS["/api/v1/sync/lists/{list}"]
    assert operations.keys() == {"get", "post", "put", "delete"}
    assert all(LIST_ID in operation["parameters"] for operation in operations.values())


def test_the_next_page_is_of_the_same_list() -> None:
    follow = PATHS["/api/v1/sync/lists/{list}"]["get"]["responses"]["200"]["links"]["next"]
    assert (follow["operationId"], follow["parameters"]["list"]) == ("readList", "$request.path.list")
    of_watchlist = PATHS["/api/v1/sync/watchlist"]["get"]["responses"]["200"]["links"]["next"]
    assert (of_watchlist["operationId"], of_watchlist["parameters"].keys()) == ("readWatchlist", {"cursor"})
