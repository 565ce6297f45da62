from http import HTTPStatus

import msgspec
import pytest

from actors.messages.change import Change
from actors.messages.conversion import device_update
from actors.messages.journal import Outcome, Status, Update
from actors.messages.journal_reads import Bookmark, Changes, Item, Page
from crdt.hlc import HLCTimestamp
from transport.http.exchange.responses import (
    json_body,
    json_response,
    watchlist_changes,
    watchlist_page,
    write_response,
)

FILM = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
STAMP = HLCTimestamp(1_764_000_000_123, 0, "n")
CHANGE = msgspec.convert({"operation": "add", "content_id": FILM}, Change)
UPDATE = Update(line="ann", revision=7, change=CHANGE, tags=("syncd:7",), timestamp=STAMP, device_id="tv")


@pytest.mark.parametrize(
    ("status", "succeeded"),
    [(Status.ADDED, True), (Status.EXISTING, True), (Status.NOT_FOUND, False), (Status.REFUSED, False)],
)
def test_a_write_succeeded_if_it_holds(status: Status, succeeded: bool) -> None:
    answer = write_response(CHANGE, Outcome(status=status, reason="why"))
    assert (answer.success, answer.status, answer.detail) == (succeeded, status, "why")
    assert (answer.operation, answer.content_id) == ("add", FILM)
    assert (answer.revision, answer.unique_tag, answer.timestamp) == (None, None, None)


def test_a_write_that_changed_something_tells_revision_tag_and_stamp() -> None:
    answer = write_response(CHANGE, Outcome(status=Status.ADDED, update=UPDATE))
    assert (answer.revision, answer.unique_tag, answer.timestamp) == (7, "syncd:7", STAMP)


def test_a_page_tells_its_items_and_where_the_next_begins() -> None:
    item = Item(content_id=FILM, tag="syncd:7", added_revision=7, timestamp=STAMP, device_id="tv")
    after = Bookmark(epoch="e", revision=9, timestamp=5, added_revision=7)
    page = watchlist_page(Page(line="ann", epoch="e", revision=9, items=(item,), after=after), None)
    assert msgspec.to_builtins(page) == {
        "revision": 9,
        "epoch": "e",
        "items": [{"content_id": FILM, "added_at": "2025-11-24T16:00:00.123+00:00", "device_id": "tv"}],
        "next": "e.9.5.7",
    }


def test_what_an_item_carries_is_told_as_the_store_has_written_it() -> None:
    item = Item(
        content_id=FILM, tag="syncd:7", added_revision=7, timestamp=STAMP, device_id="tv", data=b'{"n":[[],{}]}'
    )
    page = json_body(watchlist_page(Page(line="ann", epoch="e", revision=7, items=(item,)), None))
    assert msgspec.json.decode(page)["items"][0]["data"] == {"n": [[], {}]}


def test_the_last_page_has_no_next_and_says_why_it_is_a_page() -> None:
    page = watchlist_page(Page(line="ann", epoch="e", revision=9, items=()), "epoch_changed")
    assert msgspec.to_builtins(page) == {"revision": 9, "epoch": "e", "items": [], "reason": "epoch_changed"}


def test_changes_are_told_as_devices_are_told() -> None:
    update = msgspec.json.encode(device_update(UPDATE))
    changes = watchlist_changes(Changes(line="ann", epoch="e", revision=7, head=8, updates=(update,)))
    expected = b'{"revision":7,"epoch":"e","changes":[%b],"has_more":true}' % update
    assert msgspec.json.encode(changes) == expected


def test_a_response_is_json_with_the_headers_and_the_status_given() -> None:
    response = json_response({"a": 1}, HTTPStatus.SERVICE_UNAVAILABLE, {"ETag": '"e-7"'})
    assert (response.status_code, bytes(response.body)) == (503, b'{"a":1}')
    assert (response.headers["Content-Type"], response.headers["ETag"]) == ("application/json", '"e-7"')
