"""One change in its other forms: nothing is lost that the form can hold."""

import msgspec
import pytest
from msgspec import structs

from actors.messages.change import Change
from actors.messages.channel import PubNubWatchlistUpdate
from actors.messages.content_ids import TEXTS, UUIDS
from actors.messages.conversion import (
    channel_change,
    channel_update,
    device_update,
    snapshot_page,
    snapshot_part_json,
    snapshot_piece_json,
)
from actors.messages.device import SnapshotItem, WatchlistSnapshot, WatchlistSnapshotPiece
from actors.messages.journal import Update
from actors.messages.journal_reads import Bookmark, Item, Page, SnapshotPage
from actors.messages.sync import WatchlistUpdate
from crdt.hlc import HLCTimestamp
from tests.contents import NO_CONTENT_IDS, SPELLED, SPELLINGS

CONTENT = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
STAMP = HLCTimestamp(1_764_000_000_000, 3, "node-a")
UPDATE = Update(
    line="ann",
    revision=7,
    change=Change("add", CONTENT, operation_id="op"),
    tags=("tv:1",),
    timestamp=STAMP,
    device_id="tv",
)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_record_is_published_with_where_it_comes_from() -> None:
    assert channel_update(UPDATE, "here", TRACEPARENT) == PubNubWatchlistUpdate(
        "add", CONTENT, "tv:1", STAMP, "tv", revision=7, origin="here", traceparent=TRACEPARENT
    )


def test_a_remove_of_several_tags_names_all_of_them_and_of_one_tag_only_that() -> None:
    several = structs.replace(UPDATE, change=Change("remove", CONTENT), tags=("phone:2", "tv:1"))
    published = channel_update(several, "here")
    assert isinstance(published, PubNubWatchlistUpdate)
    assert (published.unique_tag, published.unique_tags) == ("phone:2", ("phone:2", "tv:1"))
    of_one = channel_update(UPDATE, "here")
    assert isinstance(of_one, PubNubWatchlistUpdate)
    assert of_one.unique_tags == ()


@pytest.mark.parametrize(("action", "tag"), [("add", "movie-123"), ("remove", None)])
def test_a_message_of_the_channel_tells_of_a_change_whose_tag_is_an_adds(action: str, tag: str | None) -> None:
    message = PubNubWatchlistUpdate(action, CONTENT.upper(), "movie-123", STAMP, "tv")  # type: ignore[arg-type]
    assert channel_change(message, UUIDS) == Change(action, CONTENT, tag=tag, timestamp=STAMP)  # type: ignore[arg-type]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_on_the_channel_too_a_content_may_be_spelled_as_people_do(spelling: str) -> None:
    change = channel_change(PubNubWatchlistUpdate("add", spelling, "movie-123", STAMP, "tv"), UUIDS)
    assert change is not None
    assert change.content_id == SPELLED


@pytest.mark.parametrize("text", NO_CONTENT_IDS)
def test_a_content_that_is_no_uuid_is_no_change(text: str) -> None:
    assert channel_change(PubNubWatchlistUpdate("add", text, "movie-123", STAMP, "tv"), UUIDS) is None


def test_where_any_text_is_an_id_a_message_of_the_channel_may_have_it() -> None:
    message = PubNubWatchlistUpdate("add", "plex://movie/5d77", "movie-123", STAMP, "tv")
    change = channel_change(message, TEXTS)
    assert change is not None
    assert change.content_id == "plex://movie/5d77"
    assert channel_change(structs.replace(message, content_id="a\nb"), TEXTS) is None


def test_devices_are_shown_the_same_of_a_record_as_of_its_message_on_the_channel() -> None:
    assert device_update(UPDATE) == WatchlistUpdate(CONTENT, "add", 7, "tv:1", STAMP, "tv")


def test_a_whole_list_is_shown_item_by_item_in_its_order() -> None:
    item = Item(content_id=CONTENT, tag="tv:1", added_revision=7, timestamp=STAMP, device_id="tv")
    older = structs.replace(item, tag="tv:0")
    after = Bookmark(epoch="e", revision=9, timestamp=5, added_revision=7)
    shown = SnapshotItem(content_id=CONTENT, unique_tag="tv:1", timestamp=STAMP, device_id="tv")
    second = structs.replace(shown, unique_tag="tv:0")
    first, last, empty = (
        snapshot_page(Page(line="ann", epoch="e", revision=9, items=items, after=after))
        for items in ((item, older), (older,), ())
    )
    assert (first.revision, first.epoch, first.after) == (9, "e", after)
    for pages, items in (
        ([first, last], (shown, second, second)),
        ([first, first, empty], (shown, second, shown, second)),
        ([first, empty, last], (shown, second, second)),
        ([empty], ()),
    ):
        expected = msgspec.json.encode(WatchlistSnapshot(revision=9, epoch="e", items=items))
        listed = [*pages[:-1], structs.replace(pages[-1], after=None)]
        parts = [snapshot_part_json(page, is_start=number == 0) for number, page in enumerate(listed)]
        assert b"".join(parts) == expected


@pytest.mark.parametrize(("is_start", "cursor"), [(True, "c"), (False, "c"), (False, None), (True, None)])
def test_a_piece_of_a_list_says_whether_it_is_the_first_and_what_follows_it(
    *, is_start: bool, cursor: str | None
) -> None:
    item = SnapshotItem(content_id=CONTENT, unique_tag='"items":[', timestamp=STAMP, device_id="tv")
    page = SnapshotPage(epoch="e", revision=9, items=msgspec.json.encode(item))
    expected = WatchlistSnapshotPiece(revision=9, epoch="e", start=is_start, items=(item,), next=cursor)
    assert snapshot_piece_json(page, is_start=is_start, cursor=cursor) == msgspec.json.encode(expected)
