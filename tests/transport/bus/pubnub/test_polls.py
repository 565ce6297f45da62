from typing import Any

import msgspec
import pytest

from transport.bus.pubnub.polls import Envelope, read_poll

PLACE = {"t": "17000000000000007", "r": 4}


def body(*envelopes: Any) -> bytes:
    return msgspec.json.encode({"t": PLACE, "m": envelopes})


def envelope(message: Any = 1, **more: Any) -> dict[str, Any]:
    return {"a": "1", "f": 0, "p": {"t": "1", "r": 1}, "k": "sub", "c": "user.a.sync", "d": message, **more}


def test_messages_stay_the_bytes_that_they_were() -> None:
    poll = read_poll(body(envelope("?")).replace(b'"?"', b'{ "a" : 1.50 }'))
    (each,) = poll.m
    assert isinstance(each, Envelope)
    assert (each.c, bytes(each.d), poll.cursor) == ("user.a.sync", b'{ "a" : 1.50 }', ("17000000000000007", 4))


@pytest.mark.parametrize("broken", [{}, {"c": "user.a.sync"}, {"c": "u", "d": 1, "p": None}, [], None, {"c": 7}])
def test_an_envelope_that_is_none_is_counted_and_costs_no_other(broken: Any) -> None:
    poll = read_poll(body(broken, envelope(2)))
    assert ([bytes(each.d) for each in poll.m], poll.malformed, poll.cursor[1]) == ([b"2"], 1, 4)


@pytest.mark.parametrize("text", [b"NaN", b'"\\ud800"', b"1" * 30])
def test_json_beyond_ours_is_kept_for_the_codec_to_refuse(text: bytes) -> None:
    poll = read_poll(body(envelope("?"), envelope(2)).replace(b'"?"', text))
    assert (len(poll.m), poll.malformed, bytes(poll.m[1].d)) == (2, 0, b"2")


def test_of_a_poll_that_cannot_be_read_the_cursor_can() -> None:
    poll = read_poll(body(envelope("?")).replace(b'"?"', b"[" * 15_000 + b"]" * 15_000))
    assert (poll.cursor, poll.m, poll.is_unreadable) == (("17000000000000007", 4), [], True)


@pytest.mark.parametrize("answer", [b"", b"N/A", b"[]", b"<html>", b'{"t":{}}', b'{"message":"no"}', b"[" * 20_000])
def test_what_is_no_answer_is_an_error(answer: bytes) -> None:
    with pytest.raises(ValueError, match="not an answer to a poll"):
        read_poll(answer)
