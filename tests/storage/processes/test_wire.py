from hypothesis import given
from hypothesis import strategies as st

from actors.messages.change import Change
from actors.messages.device import WatchlistWrite
from actors.messages.journal import Operation
from actors.messages.store import CommitBatch, FindHeads
from crdt.hlc import HLCTimestamp
from storage.processes.wire import Frames, decode_request, encode
from tests.actors.conftest import content


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])))), st.data())
def test_messages_come_whole_and_in_order_however_their_bytes_come(
    batches: list[list[str]], data: st.DataObject
) -> None:
    asked = [FindHeads(tuple(user_ids)) for user_ids in batches]
    rest = b"".join(map(encode, asked))
    frames = Frames()
    received = []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        received += [decode_request(payload) for payload in frames.feed(rest[:size])]
        rest = rest[size:]
    assert received == asked


def test_a_write_of_a_device_arrives_as_the_plain_change() -> None:
    write = WatchlistWrite("add", content(1), "op", "phone:1", 7, id="message", traceparent="00-…")
    operation = Operation(line="ann", device_id="tv", change=write, timestamp=HLCTimestamp(1, 2, "n"))
    (decoded,) = [decode_request(payload) for payload in Frames().feed(bytes(encode(CommitBatch((operation,)))))]
    assert isinstance(decoded, CommitBatch)
    change = decoded.operations[0].change
    assert type(change) is Change
    assert change == Change("add", content(1), "op", "phone:1", 7)
