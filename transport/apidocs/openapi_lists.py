"""A user's lists in ``/openapi.json``, from the types of ``transport/http/routes/lists.py``."""

from typing import Final

from actors.messages.collections import LIST_PATTERN
from actors.messages.sync import ListUpdate
from transport.apidocs.examples import EPOCH
from transport.apidocs.openapi_parts import (
    ANY_BODY,
    ETAG,
    Json,
    answer,
    body,
    if_none_match,
    not_modified,
    of_a_user,
    problems,
)
from transport.http.exchange.requests import MAX_WRITE_BYTES, ListRequest
from transport.http.exchange.responses import ListsResponse, NamedList

LIST_TYPES: Final = (ListUpdate, ListRequest, ListsResponse, NamedList)

LIST_ID: Final = {
    "name": "list",
    "in": "path",
    "required": True,
    "description": "Which list; an add creates one that is not there.",
    "schema": {"type": "string", "pattern": f"^{LIST_PATTERN}$"},
    "example": "kids",
}
_NAMED_LIST: Final = {"list": "kids", "name": "For the kids", "revision": 9}


def read_lists() -> Json:
    """Return the operation that reads them."""
    example = {"epoch": EPOCH, "lists": [_NAMED_LIST]}
    return of_a_user(
        "readLists",
        "Read which lists there are beside the watchlist.",
        parameters=[if_none_match()],
        responses={"200": answer("The lists.", "ListsResponse", example, **ETAG), "304": not_modified()},
    )


def put_list() -> Json:
    """Return the operation that names one."""
    named = {"name": _NAMED_LIST["name"]}
    return of_a_user(
        "putList",
        "Name a list, and create it if there is none.",
        parameters=[LIST_ID],
        requestBody=body("ListRequest", f"At most {MAX_WRITE_BYTES} bytes.", named),
        responses={
            "200": answer("It has the name.", "NamedList", _NAMED_LIST),
            "201": answer("It is new.", "NamedList", _NAMED_LIST),
        }
        | problems("409", *ANY_BODY),
    )


def delete_list() -> Json:
    """Return the operation that deletes one."""
    return of_a_user(
        "deleteList",
        "Delete a list, with all that is in it.",
        parameters=[LIST_ID],
        responses={"204": {"description": "It is gone."}} | problems("404"),
    )
