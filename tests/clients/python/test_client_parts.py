"""The small pure parts of the client that the scenarios do not reach in full."""

import base64
import json

import pytest
from syncd_client.ends import BACKOFF_CAP_MS, backoff_ms
from syncd_client.hlc import MAX_LOGICAL, Timestamp, tick
from syncd_client.messages import Write, encode
from syncd_client.stored import Head, Stored
from syncd_client.token import Token, read
from syncd_client.watchlist import Watchlist
from syncd_client.write_queue import MAX_IN_FLIGHT


def jwt(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


@pytest.mark.parametrize("sub", ["alice", "ü?>", "a", "ab"])
def test_a_token_is_read_whatever_the_length_of_its_payload(sub: str) -> None:
    value = jwt({"sub": sub, "exp": 1764003600, "device_id": "tv"})
    assert read(value) == Token(value, sub, 1764003600)


@pytest.mark.parametrize("value", ["", "opaque", "a.b.c", "..", "e30.e30", jwt([1]), jwt({"exp": "soon"}), "ä.ö.ü"])
def test_what_is_no_token_is_used_unread(value: str) -> None:
    assert read(value) == Token(value)


def test_a_token_may_leave_out_what_it_wants() -> None:
    assert read(jwt({})) == Token(jwt({}))


@pytest.mark.parametrize("failures", [0, 1, 6, 50, 10**9])
def test_a_backoff_stays_below_its_bound(failures: int) -> None:
    bound = min(BACKOFF_CAP_MS, 500 * 2 ** min(failures, 10))
    assert backoff_ms(failures, lambda: 0.0) == 0
    assert backoff_ms(failures, lambda: 1 - 2**-53) == bound - 1


def test_a_full_logical_counter_carries_into_physical() -> None:
    assert tick(Timestamp(7, MAX_LOGICAL, "x"), 5, "me") == Timestamp(8, 0, "me")


def test_no_more_than_the_bound_is_in_flight_and_the_order_is_kept() -> None:
    watchlist = Watchlist(Stored(Head(replica="r1")))
    wishes = [
        watchlist.want("add", f"00000000-0000-0000-0000-{number:012}", 1).operation_id
        for number in range(MAX_IN_FLIGHT + 10)
    ]
    queue = watchlist.queue
    first = [operation.operation_id for operation in queue.take_sendable()]
    assert first == wishes[:MAX_IN_FLIGHT]
    assert queue.take_sendable() == []
    queue.answer(first[3], 99)
    assert [operation.operation_id for operation in queue.take_sendable()] == wishes[MAX_IN_FLIGHT : MAX_IN_FLIGHT + 1]
    queue.put_all_back()
    resent = [operation.operation_id for operation in queue.take_sendable()]
    assert resent == [wish for wish in wishes if wish != first[3]][:MAX_IN_FLIGHT]


def test_a_write_names_only_what_it_has() -> None:
    text = encode(Write(id="r1.1", operation="remove", content_id="c", operation_id="r1.1", observed=0))
    assert json.loads(text) == {
        "type": "watchlist_update",
        "id": "r1.1",
        "operation": "remove",
        "content_id": "c",
        "operation_id": "r1.1",
        "observed": 0,
    }
