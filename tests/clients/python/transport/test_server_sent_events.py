"""Server-sent events, read out of bytes however they are cut."""

import pytest
from syncd_client.transport.server_sent_events import Event, EventReader, EventTooLongError

STREAM = (
    b": a comment\n\n"
    b"data: one\r\n\r\n"
    b"event: close\rdata:two\rdata: three\r\r"
    b"data\n\n"
    b"retry: 5\nid: 7\nevent: nothing\n\n"
    b"data:  four \xc3\xa9\n\n"
    b"data: not whole\n"
)
EVENTS = [
    Event("message", b"one"),
    Event("close", b"two\nthree"),
    Event("message", b""),
    Event("message", b" four \xc3\xa9"),
]


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_it_does_not_matter_where_the_bytes_are_cut(size: int) -> None:
    reader = EventReader()
    chunks = [STREAM[begin : begin + size] for begin in range(0, len(STREAM), size)]
    assert [event for chunk in chunks for event in reader.feed(chunk)] == EVENTS


def test_a_long_event_may_come_in_many_pieces() -> None:
    reader = EventReader()
    piece = b"x" * 1_000
    assert not list(reader.feed(b"data: "))
    for _ in range(1_000):
        assert not list(reader.feed(piece))
    assert list(reader.feed(b"\n\n")) == [Event("message", piece * 1_000)]


def test_an_event_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd_client.transport.server_sent_events.MAX_EVENT_BYTES", 100)
    reader = EventReader()
    with pytest.raises(EventTooLongError):
        list(reader.feed(b"data: " + b"x" * 100))
    reader = EventReader()
    with pytest.raises(EventTooLongError):
        list(reader.feed(b"data: a line of one event\n" * 20))
