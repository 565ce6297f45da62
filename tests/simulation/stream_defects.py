"""Deliberate defects that only streams and polls can show."""

from collections.abc import Sequence
from typing import Any, Final

import pytest
from syncd_client.core.close_policy import Then
from syncd_client.core.connector import Connector
from syncd_client.core.transports import Transports
from syncd_client.transport import operations_post

from simulation.devices import http_writes
from tests.simulation.collection_defects import Patch, nothing
from transport.http.streams.event_stream import EventStream
from transport.http.streams.server_sent_events import Events


def take_no_confirmation_for_a_sign_of_life(patch: pytest.MonkeyPatch) -> None:
    ping = EventStream.ping

    def silently(self: EventStream) -> None:
        self._read_bytes = self._carrier.transport.read_bytes()
        ping(self)

    patch.setattr(EventStream, "ping", silently)


def let_polls_wait_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EventStream, "_end_waiting", nothing)


def lose_all_but_the_first_event_of_a_write(patch: pytest.MonkeyPatch) -> None:
    of = Events.of

    def first(self: Events, frames: bytes) -> bytes:
        head, separator, _ = of(self, frames).partition(b"\n\n")
        return head + separator

    patch.setattr(Events, "of", first)


def look_for_no_websocket(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Transports, "time_probe", nothing)


def wait_for_a_stream_that_is_kept_back(patch: pytest.MonkeyPatch) -> None:
    ended = Transports.attempt_ended

    def again(self: Transports, then: Then, *, is_silence: bool = False) -> bool:
        return ended(self, then)

    patch.setattr(Transports, "attempt_ended", again)


def poll_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Connector, "polled", nothing)


def answer_writes_in_another_order(patch: pytest.MonkeyPatch) -> None:
    def swapped(writes: Sequence[Any], *answered: Any, **how: Any) -> Any:
        return operations_post.answers(writes[::-1], *answered, **how)

    patch.setattr(http_writes, "answers", swapped)


FOUND_AT: Final[dict[Patch, int]] = {
    take_no_confirmation_for_a_sign_of_life: 183,  # 0.15 s: device 2.0 of user-2 was closed with 4001, and …
    let_polls_wait_for_ever: 39,  # 0.42 s: after 130 s device 1.0 of user-1 is said to be online, and is not connected
    lose_all_but_the_first_event_of_a_write: 183,  # 0.09 s: device 2.0 of user-2 was shown revision 4 …
    look_for_no_websocket: 473,  # 0.41 s: after 1000 s in which upgrades pass device 0.1 is still connected by stream
    wait_for_a_stream_that_is_kept_back: 459,  # 0.33 s: after 400 s of calm device 1.0 is waiting with 4 writes
    poll_once: 77,  # 0.30 s: after 15 s device 0.0 of user-0 is said to be offline, and is connected
    answer_writes_in_another_order: 360,  # 0.26 s: after 400 s of calm device 2.0 is live with 1 writes
}
"""Each defect, and a seed that finds it: of the first 500, one whose world is a small one, and fails soon."""
