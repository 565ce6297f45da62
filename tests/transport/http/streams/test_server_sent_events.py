import json

import msgspec
import pytest

from actors.messages.close_codes import GOING_AWAY
from actors.messages.sync import Catalogue, DeviceUpdate, ListName
from transport.http.streams.server_sent_events import Events
from transport.wire.frames import FRAGMENT_BYTES, fragments, frame

CLOSED = b'event: close\ndata: {"code":1001,"reason":"the service is restarting"}\n\n'


def test_each_message_is_one_event_of_one_line() -> None:
    events = Events()
    assert events.of(frame(b'{"a":1}') + frame(b'{"b":"\\n"}')) == b'data: {"a":1}\n\ndata: {"b":"\\n"}\n\n'
    assert (events.messages, events.is_message_open) == (2, False)


@pytest.mark.parametrize("size", [1, FRAGMENT_BYTES, 3 * FRAGMENT_BYTES + 1])
def test_a_message_in_fragments_is_one_event_that_leaves_as_they_come(size: int) -> None:
    events, json_text = Events(), json.dumps("ä" * size, ensure_ascii=False).encode()
    parts = [events.of(fragment) for fragment in fragments(json_text, opens=True, closes=True)]
    assert b"".join(parts) == b"data: " + json_text + b"\n\n"
    assert len(parts) == -(-len(json_text) // FRAGMENT_BYTES)
    assert (events.messages, events.is_message_open) == (1, False)


def test_hints_are_no_messages_that_a_poll_ends_with() -> None:
    events = Events()
    hint = DeviceUpdate(device_id='"revision":', is_online=True, last_seen="2026-11-26T12:00:00.000+00:00")
    lists = Catalogue((ListName("kids", "For the kids"),))
    update = DeviceUpdate(device_id="tv", action="update", revision=3)
    told = [events.of(frame(msgspec.json.encode(one))) for one in (hint, lists, hint, update)]
    assert (events.messages, all(told)) == (1, True)


def test_the_end_is_an_event_that_says_why() -> None:
    assert Events().closing(GOING_AWAY.code, GOING_AWAY.reason) == CLOSED


def test_a_message_that_was_broken_off_is_no_message() -> None:
    events = Events()
    begun = events.of(b"".join(fragments(b'{"items":[', opens=True, closes=False)))
    assert events.is_message_open
    ended = begun + events.closing(GOING_AWAY.code, GOING_AWAY.reason)
    assert ended == b'data: {"items":[\nevent: incomplete\n\n' + CLOSED
    assert events.messages == 0
