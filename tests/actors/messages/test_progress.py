"""What progress means: how much was played, whether that is enough, and whether it goes on."""

import msgspec
import pytest

from actors.messages.change import AuthorStamp
from actors.messages.channel import PubNubProgressUpdate
from actors.messages.collections import PROGRESS, line_of
from actors.messages.content_ids import UUIDS
from actors.messages.progress import (
    ProgressChange,
    channel_change,
    channel_form,
    device_form,
    is_watched,
    item_form,
    percent_of,
    state_of,
)
from actors.messages.registers import RegisterUpdate, Values
from crdt.hlc import HLCTimestamp

FILM = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
STAMP = HLCTimestamp(1_764_000_000_000, 3, "node-a")
VALUES = {"position": 30.5, "duration": 61, "state": "paused"}
_decode = msgspec.json.Decoder(ProgressChange).decode


def update(values: Values) -> RegisterUpdate:
    line = line_of("ann", PROGRESS)
    return RegisterUpdate(line=line, revision=7, key=FILM, values=values, timestamp=STAMP, device_id="tv")


@pytest.mark.parametrize(
    ("values", "percent", "watched", "state"),
    [
        ({"position": 0, "duration": 100}, 0.0, False, ""),
        ({"position": 0.4, "duration": 7200}, 0.0, False, "in_progress"),
        ({"position": 89.94, "duration": 100}, 89.9, False, "in_progress"),
        ({"position": 90, "duration": 100}, 90.0, True, ""),
        ({"position": 90, "duration": 100, "watched": False}, 90.0, False, "in_progress"),
        ({"position": 1, "duration": 100, "watched": True}, 1.0, True, ""),
        ({"position": 101, "duration": 100}, 100.0, True, ""),
        ({"position": 50}, 0.0, False, "in_progress"),
        ({"position": 49, "duration": 400}, 12.3, False, "in_progress"),
        ({"position": 8994, "duration": 10_000}, 89.9, False, "in_progress"),
        ({"position": 1, "duration": 5e-324}, 100.0, True, ""),
        ({"position": 50, "duration": 0}, 0.0, False, "in_progress"),
    ],
)
def test_ninety_percent_is_watched_unless_its_author_says_otherwise(
    values: Values, percent: float, watched: bool, state: str
) -> None:
    assert (percent_of(values), is_watched(values), state_of(values)) == (percent, watched, state)


def test_a_change_says_what_its_author_has_said() -> None:
    change = _decode(b'{"content_id":"%b","position_seconds":5,"operation_id":"a","timestamp":17}' % FILM.encode())
    asked = change.register_change()
    assert (asked.key, asked.operation_id, asked.timestamp) == (FILM, "a", 17)
    assert asked.says == {"position": 5, "state": "playing", "watched": None}, "a duration that is known stays"
    whole = msgspec.structs.replace(change, duration_seconds=9.5, state="stopped", watched=True).register_change()
    assert whole.says == {"position": 5, "duration": 9.5, "state": "stopped", "watched": True}
    assert ProgressChange(FILM, operation="remove").register_change().says is None


def test_devices_are_shown_the_documented_fields_first() -> None:
    assert (
        msgspec.json.encode(device_form(update(VALUES)))
        == (
            b'{"type":"progress_update","content_id":"%b","position":30.5,"duration":61,"action":"update","state":"paused",'
            b'"watched":false,"revision":7,"timestamp":{"physical":1764000000000,"logical":3,"node":"node-a"},"device_id":"tv"}'
        )
        % FILM.encode()
    )
    removed = device_form(update({}))
    assert (removed.action, removed.position, removed.duration, removed.state, removed.watched) == (
        "remove", 0, 0, None, None,
    )  # fmt: skip


def test_nodes_tell_each_other_all_that_devices_are_shown() -> None:
    message, shown = channel_form(update(VALUES), "here", "e"), device_form(update(VALUES))
    assert (message.origin, message.epoch, message.content_id) == ("here", "e", FILM)
    assert (message.position_seconds, message.duration_seconds) == (shown.position, shown.duration)
    for name in ("state", "watched", "revision", "timestamp", "device_id"):
        assert getattr(message, name) == getattr(shown, name)
    assert message.operation == shown.action


@pytest.mark.parametrize(
    ("timestamp", "operation_id"),
    [
        (STAMP, None),
        (None, None),
        (1_764_000_000, f"channel:1764000000:{FILM}:30.5"),
        (1_764_000_000.25, f"channel:1764000000.25:{FILM}:30.5"),
    ],
)
def test_a_foreign_message_is_a_change_and_one_only_however_many_nodes_get_it(
    timestamp: AuthorStamp | None, operation_id: str | None
) -> None:
    asked = channel_change(PubNubProgressUpdate(FILM, 30.5, 0, timestamp, "tv"), UUIDS)
    assert asked is not None
    assert (asked.key, asked.operation_id, asked.timestamp) == (FILM, operation_id, timestamp)
    assert asked.says == {"position": 30.5, "state": "playing", "watched": None}, "a duration of 0 is not known"
    assert channel_change(PubNubProgressUpdate("123", 1, 2), UUIDS) is None


def test_what_nodes_tell_each_other_of_a_removal_is_one() -> None:
    asked = channel_change(channel_form(update({}), "here", "e"), UUIDS)
    assert asked is not None
    assert asked.says is None


def test_a_snapshot_shows_what_is_there() -> None:
    assert (
        msgspec.json.encode(item_form(update({"position": 5, "state": "stopped"})))
        == (
            b'{"content_id":"%b","position":5,"duration":0,"state":"stopped","watched":false,'
            b'"timestamp":{"physical":1764000000000,"logical":3,"node":"node-a"},"device_id":"tv"}'
        )
        % FILM.encode()
    )
