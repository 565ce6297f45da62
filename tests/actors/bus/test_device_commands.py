"""A command is shown where its device is, once, while it is fresh; its sender is told what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from msgspec import structs
from pykka import ActorRef

from actors.bus.device_commands import MAX_PUBLISHING, MAX_PUBLISHING_OF_USER, DeviceCommands, DeviceCommandsDeps
from actors.errors import BusUnavailable, MessageRefused
from actors.messages.bus import RemoteCommand
from actors.messages.channel import ChannelCommand, PubNubDeviceCommand
from actors.messages.commands import MAX_COMMAND_AGE_MS, CommandOutcome, SendCommand
from actors.messages.devices import Devices, KnownDevice, KnownFields, ReadDevices
from actors.messages.failures import ReadFailed, ReadRefused
from actors.messages.fanout import SendToDevice, ShownToDevice
from actors.messages.sync import DeviceCommand
from actors.metrics import BusMetrics, CommandMetrics
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import Started
from tests.fakes.hand_bus import HandBus
from tests.fakes.hand_clock import HandClock
from tests.fakes.wall_clock import WallClock
from tests.timeouts import TIMEOUT_S

Handled = Callable[[ActorRef[Any]], Awaitable[object]]

SEEK = DeviceCommand("seek", "tv", payload={"position_seconds": 90.5}, from_device_id="phone")


HANDOFF = DeviceCommand("handoff:0b0e6a4e-52a5-4a5b-9a1f-000000000001", "tv", 90.5, from_device_id="phone")


def known(*nodes: str, device_id: str = "tv") -> Devices:
    return Devices((KnownDevice(device_id=device_id, fields=KnownFields(), last_seen_ms=0, nodes=nodes),))


class Wired:
    """A ``DeviceCommands``, with the registry, the journal and the bus in the test's hands."""

    def __init__(self, started: Started, handled: Handled) -> None:
        self.shown: list[SendToDevice] = []
        self.reads: list[ReadDevices] = []
        self.bus, self.metrics, self.bus_metrics = HandBus(), CommandMetrics(), BusMetrics()
        self.wall_clock, self.clock = WallClock(), HandClock()
        self._handled = handled
        self.ref = started(
            DeviceCommands.start(
                DeviceCommandsDeps(
                    node="a",
                    bus=self.bus,
                    encode=lambda _, message: msgspec.json.encode(message),
                    registry=self.shown.append,
                    journal=self.reads.append,
                    metrics=self.metrics,
                    bus_metrics=self.bus_metrics,
                    now_ms=self.wall_clock,
                    now_s=self.clock,
                )
            )
        )

    async def tell(self, message: object) -> None:
        self.ref.tell(message)
        await self._handled(self.ref)

    async def tell_shown(self, shown: ShownToDevice) -> None:
        """Say where the last command was shown."""
        self.shown[-1].reply_to(shown)
        await self._handled(self.ref)

    async def send(
        self, connections: int, found: Devices | ReadFailed, command: DeviceCommand = SEEK, user_id: str = "ann"
    ) -> list[CommandOutcome]:
        """Send a command whose device has so many connections here, and return where its answer will be."""
        outcomes: list[CommandOutcome] = []
        await self.tell(SendCommand(user_id, command, outcomes.append))
        await self.tell_shown(ShownToDevice(connections))
        self.reads[-1].reply_to(found)
        await self._handled(self.ref)
        return outcomes

    def remote(self, **changes: Any) -> RemoteCommand:
        """Return what another node sends."""
        command = ChannelCommand("seek", payload='{"position_seconds":90.5}')
        sent_ms = self.wall_clock.now_ms
        message = PubNubDeviceCommand("tv", command, None, "phone", id="1", origin="b", sent_ms=sent_ms)
        return RemoteCommand("ann", structs.replace(message, **changes))


@pytest.fixture
async def wired(started: Started, handled: Handled) -> Wired:
    return Wired(started, handled)


async def test_a_device_on_this_node_is_shown_the_command_at_once_and_the_bus_is_left_alone(wired: Wired) -> None:
    assert await wired.send(2, known("a")) == ["sent"]
    (shown,) = wired.shown
    assert (shown.user_id, shown.command, shown.until_s) == ("ann", SEEK, 1_000.0 + MAX_COMMAND_AGE_MS / 1000)
    assert wired.bus.calls == []
    assert (wired.metrics.outcomes["other", "sent"], wired.metrics.delivered) == (1, 2)


async def test_a_device_that_polls_and_was_shown_it_here_is_not_shown_it_again_where_it_polls_next(
    wired: Wired,
) -> None:
    outcomes: list[CommandOutcome] = []
    await wired.tell(SendCommand("ann", SEEK, outcomes.append))
    await wired.tell_shown(ShownToDevice(1, polls=True))
    assert (outcomes, wired.reads, wired.bus.calls) == (["sent"], [], [])
    assert (wired.metrics.outcomes["other", "sent"], wired.metrics.delivered) == (1, 1)


async def test_handoffs_are_counted_apart_from_other_commands(wired: Wired) -> None:
    await wired.send(1, known("a"), HANDOFF)
    await wired.send(0, known(), HANDOFF)
    assert +wired.metrics.outcomes == {("handoff", "sent"): 1, ("handoff", "device_offline"): 1}


async def test_a_device_that_was_forgotten_is_reached_while_it_is_connected(wired: Wired) -> None:
    outcomes = await wired.send(0, Devices((), {"tv": ("b",)}))
    _, message, answer = await wired.bus.next_call()
    answer.set_result(None)
    await _until(lambda: outcomes == ["sent"])
    assert message["target_device_id"] == "tv"


@pytest.mark.parametrize("connections", [0, 1])
async def test_a_device_on_another_node_is_reached_by_the_bus(wired: Wired, connections: int) -> None:
    outcomes = await wired.send(connections, known("a", "b") if connections else known("b"))
    user_id, message, answer = await wired.bus.next_call()
    assert outcomes == []
    answer.set_result(None)
    await _until(lambda: outcomes == ["sent"])
    sent = msgspec.convert(message, PubNubDeviceCommand)
    assert (user_id, sent.target_device_id, sent.command.command_type) == ("ann", "tv", "seek")
    assert (sent.command.payload, sent.origin, sent.sent_ms) == (
        '{"position_seconds":90.5}',
        "a",
        wired.wall_clock.now_ms,
    )
    assert (sent.from_device_id, bool(sent.id)) == ("phone", True)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (known(), "device_offline"),
        (known("a"), "not_listening"),  # it has just left, is between two polls, or does not read
        (known("b", device_id="pc"), "not_found"),
        (ReadFailed("away"), "try_again_later"),
        (ReadRefused("128 wait already"), "too_many"),
    ],
)
async def test_a_command_that_reaches_nobody_says_why(
    wired: Wired, found: Devices | ReadFailed, outcome: CommandOutcome
) -> None:
    assert await wired.send(0, found) == [outcome]
    assert wired.metrics.outcomes["other", outcome] == 1
    assert wired.bus.calls == []


async def test_what_was_shown_here_was_sent_whatever_the_database_says(wired: Wired) -> None:
    assert await wired.send(1, ReadFailed("away")) == ["sent"]


@pytest.mark.parametrize(
    ("error", "connections", "outcome"),
    [
        (BusUnavailable("away"), 0, "bus_unavailable"),
        (MessageRefused("too large"), 0, "device_offline"),
        (BusUnavailable("away"), 1, "sent"),
        (MessageRefused("too large"), 1, "sent"),
    ],
)
async def test_a_bus_that_does_not_take_it_is_no_reason_to_wait(
    wired: Wired, error: Exception, connections: int, outcome: CommandOutcome
) -> None:
    outcomes = await wired.send(connections, known("b"))
    _, _, answer = await wired.bus.next_call()
    answer.set_exception(error)
    await _until(lambda: outcomes == [outcome])


async def test_a_bus_that_does_not_answer_is_given_a_bounded_number_of_commands(wired: Wired) -> None:
    for number in range(MAX_PUBLISHING):
        assert await wired.send(0, known("b"), user_id=f"u{number}") == []
    assert await wired.send(0, known("b")) == ["bus_unavailable"]
    assert await wired.send(1, known("b")) == ["sent"]
    await _until(lambda: len(wired.bus.calls) == MAX_PUBLISHING)
    for _ in range(2):
        _, _, answer = await wired.bus.next_call()
        answer.set_result(None)
    await _until(lambda: wired.metrics.outcomes["other", "sent"] == 3)
    for _ in range(2):
        assert await wired.send(0, known("b")) == []  # there is room again
    assert await wired.send(0, known("b")) == ["bus_unavailable"]


async def test_one_user_does_not_take_all_that_a_slow_bus_is_given(wired: Wired) -> None:
    for _ in range(MAX_PUBLISHING_OF_USER):
        assert await wired.send(0, known("b")) == []
    assert await wired.send(0, known("b")) == ["too_many"]
    assert await wired.send(1, known("b")) == ["sent"]
    assert await wired.send(0, known("b"), user_id="bob") == []
    _, _, answer = await wired.bus.next_call()
    answer.set_result(None)
    await _until(lambda: wired.metrics.outcomes["other", "sent"] == 2)
    assert await wired.send(0, known("b")) == []  # there is room again
    assert await wired.send(0, known("b")) == ["too_many"]


async def test_a_stop_gives_up_what_a_slow_bus_was_given(wired: Wired) -> None:
    outcomes = await wired.send(0, known("b"))
    _, _, answer = await wired.bus.next_call()
    async with asyncio.timeout(TIMEOUT_S):
        await wired.ref.stop(block=False)
        await asyncio.wait([answer])
    assert (answer.cancelled(), outcomes) == (True, [])


async def test_a_command_of_another_node_is_shown_here_once(wired: Wired) -> None:
    await wired.tell(wired.remote())
    await wired.tell(wired.remote())  # again
    (shown,) = wired.shown
    assert (shown.user_id, shown.command, shown.until_s) == ("ann", SEEK, 1_000.0 + MAX_COMMAND_AGE_MS / 1000)
    shown.reply_to(ShownToDevice(2))
    assert (wired.bus_metrics.refused, wired.metrics.delivered) == ({"replayed": 1}, 2)


async def test_a_command_is_shown_for_as_long_as_it_is_fresh_and_not_at_all_afterwards(wired: Wired) -> None:
    await wired.tell(wired.remote(sent_ms=wired.wall_clock.now_ms - 20_000))
    assert wired.shown[0].until_s == 1_010.0
    await wired.tell(wired.remote(id="2", sent_ms=wired.wall_clock.now_ms - MAX_COMMAND_AGE_MS - 1))
    assert (len(wired.shown), wired.bus_metrics.refused) == (1, {"stale": 1})
    await wired.tell(wired.remote(id="3", sent_ms=wired.wall_clock.now_ms + 5_000))  # a clock that is ahead
    assert wired.shown[1].until_s == 1_030.0


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        (ChannelCommand("play"), None),
        (ChannelCommand("seek", 90), {"position_seconds": 90}),
        (ChannelCommand("cast", content_id="film"), {"content_id": "film"}),
    ],
)
async def test_what_a_foreign_publishers_command_needs_is_its_payload(
    wired: Wired, command: ChannelCommand, payload: object
) -> None:
    await wired.tell(RemoteCommand("ann", PubNubDeviceCommand("tv", command, 1_764_000_000)))
    assert wired.shown[0].command == DeviceCommand(command.command_type, "tv", payload=payload)


async def test_a_foreign_publishers_command_is_not_shown_late(wired: Wired) -> None:
    sent = HLCTimestamp(wired.wall_clock.now_ms - MAX_COMMAND_AGE_MS - 1, 0, "x")
    await wired.tell(RemoteCommand("ann", PubNubDeviceCommand("tv", ChannelCommand("play"), sent)))
    assert (wired.shown, wired.bus_metrics.refused) == ([], {"stale": 1})
    sent = HLCTimestamp(wired.wall_clock.now_ms - 20_000, 0, "x")
    await wired.tell(RemoteCommand("ann", PubNubDeviceCommand("tv", ChannelCommand("play"), sent)))
    assert [one.until_s for one in wired.shown] == [1_010.0]


async def test_a_handoff_of_another_node_brings_its_position(wired: Wired) -> None:
    message = PubNubDeviceCommand(
        "tv", ChannelCommand("handoff:film", 90.5), id="1", origin="b", sent_ms=wired.wall_clock.now_ms
    )
    await wired.tell(RemoteCommand("ann", message))
    assert wired.shown[0].command == DeviceCommand("handoff:film", "tv", 90.5)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0)
