"""The small pure parts of the client that the scenarios do not reach in full."""

import base64
import json

import pytest
from syncd_client.core.backoff import BASE_MS, CAP_MS, Backoff
from syncd_client.core.core import Core, CoreDeps
from syncd_client.core.events import Disconnected
from syncd_client.core.outputs import Emit, Output, Send, StartTimer, Timer
from syncd_client.core.silence import SILENCE_MS
from syncd_client.core.timers import Timers
from syncd_client.core.token import Token, read_token
from syncd_client.core.tokens import Tokens
from syncd_client.data.hlc import MAX_LOGICAL, Timestamp, tick
from syncd_client.data.list_view import Item, list_view
from syncd_client.data.messages import Ping, Write, encode
from syncd_client.data.user_collections import UserCollections
from syncd_client.data.user_state import ConfirmedItem
from syncd_client.data.write_queue import MAX_IN_FLIGHT

A = "0b0e6a4e-52a5-4a5b-9a1f-00000000000a"
B = "0b0e6a4e-52a5-4a5b-9a1f-00000000000b"


def jwt(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


@pytest.mark.parametrize("sub", ["alice", "ü?>", "a", "ab"])
def test_a_token_is_read_whatever_the_length_of_its_payload(sub: str) -> None:
    value = jwt({"sub": sub, "exp": 1764003600, "device_id": "tv"})
    assert read_token(value) == Token(value, sub, 1764003600)


@pytest.mark.parametrize("value", ["", "opaque", "a.b.c", "..", "e30.e30", jwt([1]), jwt({"exp": "soon"}), "ä.ö.ü"])
def test_what_is_no_token_is_used_unread(value: str) -> None:
    assert read_token(value) == Token(value)


@pytest.mark.parametrize("other", ["soon", True, None, [1], {}])
def test_a_claim_of_another_type_counts_as_absent(other: object) -> None:
    value = jwt({"sub": "alice", "exp": other})
    assert read_token(value) == Token(value, "alice")
    value = jwt({"sub": other if other != "soon" else 7, "exp": 7.5})
    assert read_token(value) == Token(value, exp=7.5)


@pytest.mark.parametrize("exp", [1e308, -1e308, 10**40])
def test_a_token_may_end_beyond_all_dates(exp: float) -> None:
    outputs: list[Output] = []
    tokens = Tokens("alice", outputs.append, Timers(outputs.append, lambda: 0), lambda: 0)
    tokens.use(read_token(jwt({"exp": exp})))
    assert [type(output) for output in outputs] == [StartTimer]


def test_a_token_may_leave_out_what_it_wants() -> None:
    assert read_token(jwt({})) == Token(jwt({}))


def test_a_backoff_doubles_its_bound_up_to_the_cap_and_stays_below_it() -> None:
    backoff = Backoff()
    bounds = [min(CAP_MS, BASE_MS * 2**failures) for failures in range(50)]
    assert [backoff.next_ms(1 - 2**-53) for _ in bounds] == [bound - 1 for bound in bounds]
    assert backoff.next_ms(0.0) == 0
    backoff.reset()
    assert backoff.next_ms(0.5) == BASE_MS // 2


def test_a_full_logical_counter_carries_into_physical() -> None:
    assert tick(Timestamp(7, MAX_LOGICAL, "x"), 5, "me") == Timestamp(8, 0, "me")


def test_a_connection_on_which_a_long_message_is_coming_is_neither_asked_nor_given_up() -> None:
    core = Core(CoreDeps(now_ms=lambda: 0, random=lambda: 0.5, new_replica=lambda: "r1"))
    core.sign_in("alice", None)
    core.token(Token("t"))
    core.opened()
    go_on = StartTimer(Timer.SILENCE, SILENCE_MS)
    for _ in range(5):
        assert core.heard() == []
        assert core.due(Timer.SILENCE) == [go_on]
    assert core.due(Timer.SILENCE) == [Send(Ping()), go_on]
    assert core.heard() == []
    assert core.due(Timer.SILENCE) == [go_on]


def test_a_callback_that_does_not_answer_is_named_as_the_app_knows_it() -> None:
    core = Core(CoreDeps(now_ms=lambda: 0, random=lambda: 0.5, new_replica=lambda: "r1"))
    core.sign_in("alice", None)
    (ended,) = [output.event for output in core.due(Timer.TOKEN) if isinstance(output, Emit)]
    assert isinstance(ended, Disconnected)
    assert ended.reason == "no token: get_token did not answer within 20 s"


def test_an_add_of_what_is_confirmed_with_the_same_stamp_keeps_who_added_it() -> None:
    lists = UserCollections("alice", None, lambda: "r1")
    write = lists.enqueue("add", A, 1)
    confirmed = ConfirmedItem(A, write.timestamp, -7, "tv")
    assert list_view([confirmed], [write]) == (Item(A, write.timestamp, "tv", pending=True),)


def test_no_more_than_the_bound_is_in_flight_and_the_order_is_kept() -> None:
    lists = UserCollections("alice", None, lambda: "r1")
    queued = [
        lists.enqueue("add", f"00000000-0000-0000-0000-{number:012}", 1).operation_id
        for number in range(MAX_IN_FLIGHT + 10)
    ]
    queue = lists.queue
    first = [write.operation_id for write in queue.take_sendable()]
    assert first == queued[:MAX_IN_FLIGHT]
    assert queue.take_sendable() == []
    queue.answer(first[3], 99)
    assert [write.operation_id for write in queue.take_sendable()] == queued[MAX_IN_FLIGHT : MAX_IN_FLIGHT + 1]
    queue.release_all()
    resent = [write.operation_id for write in queue.take_sendable()]
    assert resent == [each for each in queued if each != first[3]][:MAX_IN_FLIGHT]


def test_an_add_gets_one_new_tag_and_then_none_at_its_place_in_the_queue() -> None:
    replicas = iter(["r1", "r2", "r3"])
    lists = UserCollections("alice", None, lambda: next(replicas))
    lists.enqueue("add", A, 1)
    lists.enqueue("remove", A, 1)
    sent: list[dict[str, str]] = []
    while not sent or "tag" in sent[-1]:
        add, _remove = lists.queue
        sent.append(json.loads(encode(add.as_message())))
        lists.retag(add)
    assert [(message["id"], message.get("tag")) for message in sent] == [
        ("r1.1", "r1:1"),
        ("r1.1", "r2:1"),
        ("r1.1", None),
    ]
    assert lists.enqueue("add", A, 1).tag == "r3:1"


def test_what_follows_a_write_that_the_service_stamped_later_is_stamped_by_it_too() -> None:
    lists = UserCollections("alice", None, lambda: "r1")
    first = lists.enqueue("add", A, 1)
    lists.enqueue("remove", A, 2)
    lists.enqueue("add", B, 3)
    lists.enqueue("add", A, 9)
    lists.acknowledge(first, 7, Timestamp(5, 0, "s"))
    stamps = [(write.operation_id, write.as_message().timestamp) for write in lists.queue]
    assert stamps == [
        ("r1.1", first.timestamp),
        ("r1.2", None),
        ("r1.3", Timestamp(3, 0, "r1")),
        ("r1.4", Timestamp(9, 0, "r1")),
    ]


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
