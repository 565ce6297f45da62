import msgspec
import pytest

from actors.messages.channel import (
    BusMessage,
    ChannelCommand,
    HeadMoved,
    PubNubDeviceCommand,
    PubNubDeviceHandoff,
    PubNubDeviceHeartbeat,
    PubNubDevicesSeen,
    PubNubListsChanged,
    PubNubProgressUpdate,
    PubNubWatchlistUpdate,
)
from transport.bus.codec import BusCodec
from transport.bus.peek import Peeked, peek

OURS = PubNubWatchlistUpdate("add", "c", "t", None, "tv", revision=7, origin="here")
FOREIGN = PubNubWatchlistUpdate("add", "c", "t", None, "tv")


@pytest.mark.parametrize("key", [None, b"k" * 32])
@pytest.mark.parametrize(
    ("message", "is_of_node", "is_foreign_write"),
    [
        (OURS, True, False),
        (HeadMoved(7, "here"), True, False),
        (FOREIGN, False, True),
        (PubNubProgressUpdate("c", 1, 2), False, True),
        (PubNubProgressUpdate("c", 1, 2, revision=7), True, False),
        (PubNubDeviceHandoff("tv", "c"), False, False),
        (PubNubDeviceCommand("tv", ChannelCommand("play"), origin="here"), True, False),
        (PubNubDeviceCommand("tv", ChannelCommand("play")), False, False),
        (PubNubDeviceHeartbeat(device_id="tv"), False, True),
        (PubNubDevicesSeen((), "1", "here", 1), True, False),
        (PubNubListsChanged("1", "here", 1), True, False),
    ],
)
def test_a_message_says_whose_it_is_signed_or_not(
    message: BusMessage, key: bytes | None, *, is_of_node: bool, is_foreign_write: bool
) -> None:
    seems = peek(BusCodec(key).encode("ann", message))
    assert (seems.is_of_node, seems.is_foreign_write) == (is_of_node, is_foreign_write)


def test_spaces_escapes_nulls_and_other_members_deceive_nobody() -> None:
    assert peek(b'{ "type" : "watchlist_update", "revision" : null, "more": {"revision": 1} }').is_foreign_write
    assert peek(rb'{"type":"watchlist_update","r\u0065vision":1}').is_of_node
    assert peek(b'{"type":"watchlist_update","device_id":"\\"revision\\":1"}').is_foreign_write


@pytest.mark.parametrize("rubbish", [b"", b"\xff", b"[1]", b"7", b'{"type":7}', b"[" * 15_000, b'{"revision":"x"}'])
def test_rubbish_says_nothing(rubbish: bytes) -> None:
    assert peek(rubbish) == peek(msgspec.Raw(rubbish)) == Peeked()
