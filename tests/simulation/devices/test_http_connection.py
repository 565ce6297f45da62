"""A device's connection over HTTP: answers as they come, kept back until they are whole, or cut in an event."""

import asyncio
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from simulation.clock.loop import SimulatedLoop
from simulation.devices.http_connection import HttpConnection
from simulation.outside.intermediary import Intermediary
from simulation.outside.network import Connection, Delay, Network

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b"data: 1\n\n"
CHUNK = b"9\r\ndata: 1\n\n\r\n"
END = b"0\r\n\r\n"


class Server(asyncio.Protocol):
    """Answers each request with what it is told to, a second after the other."""

    place = "node 0"

    def __init__(self, loop: SimulatedLoop, parts: list[bytes]) -> None:
        self.loop = loop
        self.parts = parts
        self.requests: list[bytes] = []
        self.transport: Any = None
        self.connection: Connection | None = None

    def accept(self) -> asyncio.Protocol | None:
        return self

    def made(self, connection: Connection) -> None:
        self.connection = connection

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.requests.append(data)
        for after_s, part in enumerate(self.parts, start=1):
            self.loop.call_later(after_s, self.transport.write, part)


class Reader:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def began(self, status: int, headers: dict[str, str]) -> None:
        self.told.append((status, headers["content-type"]))

    def read(self, data: bytes) -> None:
        self.told.append(data)

    def ended(self) -> None:
        self.told.append("ended")

    def lost(self) -> None:
        self.told.append("lost")


class World:
    """A client and a server."""

    def __init__(self, *parts: bytes, is_buffering: bool = False, is_online: Callable[[], bool] = lambda: True) -> None:
        self.loop = SimulatedLoop()
        self.server = Server(self.loop, list(parts))
        network = Network(self.loop, Delay(Random(1), 0.01, 0.0))
        intermediary = Intermediary()
        intermediary.is_buffering = is_buffering
        self.line = HttpConnection(network, self.server, intermediary, is_online)

    def ask(self) -> Reader:
        reader = Reader()
        self.line.ask(b"a request", reader)
        return reader

    def wait(self, for_s: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(for_s))


Begin = Callable[..., World]


@pytest.fixture
def begin() -> Iterator[Begin]:
    worlds: list[World] = []

    def begin(*parts: bytes, **how: Any) -> World:
        worlds.append(World(*parts, **how))
        return worlds[-1]

    yield begin
    for world in worlds:
        world.loop.sweep_up()


def test_an_answer_is_told_as_it_comes_and_another_may_follow_on_the_same_connection(begin: Begin) -> None:
    world = begin(HEAD, CHUNK, CHUNK + END)
    reader = world.ask()
    world.wait(2.5)
    assert reader.told == [(200, "text/event-stream"), EVENT]
    assert not world.line.is_idle
    world.wait(1)
    assert reader.told[2:] == [EVENT, "ended"]
    assert world.line.is_idle
    again = world.ask()
    world.wait(4)
    assert (again.told, len(world.server.requests)) == (reader.told, 2)


def test_one_that_is_kept_back_comes_at_its_end(begin: Begin) -> None:
    world = begin(HEAD, CHUNK, END, is_buffering=True)
    reader = world.ask()
    world.wait(2.5)
    assert reader.told == []
    world.wait(1)
    assert reader.told == [(200, "text/event-stream"), EVENT, "ended"]


def test_one_that_is_cut_in_an_event_is_lost_with_half_of_it(begin: Begin) -> None:
    world = begin(HEAD, b"3\r\n:\n\n\r\n", CHUNK, CHUNK)
    reader = world.ask()
    world.wait(1.5)
    world.line.is_cut_soon = True
    world.wait(5)
    comment, half, end = reader.told[1:]
    assert (comment, end) == (b":\n\n", "lost")
    assert EVENT.startswith(half)
    assert half != EVENT


def test_who_is_offline_reaches_nobody(begin: Begin) -> None:
    world = begin(HEAD, CHUNK, END, is_online=lambda: False)
    reader = world.ask()
    world.wait(5)
    assert (reader.told, world.server.requests) == ([], [])


@pytest.mark.parametrize("is_rude", [True, False])
def test_what_was_dropped_tells_nothing(begin: Begin, is_rude: bool) -> None:
    world = begin(HEAD, CHUNK, END)
    reader = world.ask()
    world.wait(1.5)
    told = list(reader.told)
    world.line.drop(is_rude=is_rude)
    world.wait(5)
    assert reader.told == told
    assert world.server.connection is not None
    assert world.server.connection.server.is_lost
