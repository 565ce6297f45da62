"""Byte streams in virtual time: in order, once or not at all; slow, stalled, cut, or silently gone."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from simulation.clock.loop import SimulatedLoop
from simulation.outside.network import Connection, Delay, Network


class Recorder(asyncio.Protocol):
    """Keeps what happens to it."""

    def __init__(self, name: str = "", *, stays_open: bool = False) -> None:
        self.name = name
        self.stays_open = stays_open
        self.transport: Any = None
        self.data = b""
        self.happened: list[str] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> bool:
        self.happened.append("eof")
        return self.stays_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.happened.append("lost" if exc is None else "reset")

    def pause_writing(self) -> None:
        self.happened.append("pause")

    def resume_writing(self) -> None:
        self.happened.append("resume")


class Door:
    """Listens, unless it is closed."""

    def __init__(self, loop: SimulatedLoop, server: Recorder | None) -> None:
        self.loop = loop
        self.server = server
        self.connections: list[Connection] = []

    def accept(self) -> Recorder | None:
        return self.server

    def made(self, connection: Connection) -> None:
        self.connections.append(connection)


class Pair:
    """A client and a server that are connected."""

    def __init__(self) -> None:
        self.loop = SimulatedLoop()
        self.client, self.server = Recorder("client"), Recorder("server", stays_open=True)
        self.door = Door(self.loop, self.server)
        Network(self.loop, Delay(Random(1), 0.001, 0.05)).connect(self.door, self.client, lambda _: None)
        self.pass_time()
        (self.connection,) = self.door.connections

    def pass_time(self, seconds: float = 10) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.loop.sweep_up()


def test_bytes_arrive_in_order_however_long_each_part_takes(pair: Pair) -> None:
    for number in range(100):
        pair.client.transport.write(b"%d," % number)
    assert pair.server.data == b""
    pair.pass_time()
    assert pair.server.data == b"".join(b"%d," % number for number in range(100))


def test_a_close_ends_the_stream_behind_what_was_written(pair: Pair) -> None:
    pair.client.transport.write(b"last words")
    pair.client.transport.close()
    pair.client.transport.write(b"too late")
    pair.pass_time()
    assert (pair.server.data, pair.server.happened, pair.client.happened) == (b"last words", ["eof"], ["lost"])
    pair.server.transport.close()
    pair.pass_time()
    assert pair.server.happened == ["eof", "lost"]


def test_an_abort_resets_the_peer(pair: Pair) -> None:
    pair.client.transport.abort()
    pair.pass_time()
    assert (pair.client.happened, pair.server.happened) == (["lost"], ["reset"])


def test_a_cut_is_told_to_both(pair: Pair) -> None:
    pair.client.transport.write(b"lost")
    pair.connection.cut()
    pair.pass_time()
    assert (pair.server.data, pair.client.happened, pair.server.happened) == (b"", ["reset"], ["reset"])


def test_a_kernel_says_what_its_peers_has_not_confirmed(pair: Pair) -> None:
    end = pair.connection.server
    end.write(b"four")
    assert end.unconfirmed_bytes == 4
    pair.pass_time()
    assert end.unconfirmed_bytes == 0
    pair.connection.stall()
    end.write(b"four")
    pair.pass_time()
    assert end.unconfirmed_bytes == 4
    pair.connection.go_on()
    pair.pass_time()
    assert end.unconfirmed_bytes == 0
    end.write(b"under way")
    pair.connection.silence()
    end.write(b"lost")
    pair.pass_time()
    assert end.unconfirmed_bytes == len(b"under way" + b"lost")


def test_what_is_between_may_answer_instead(pair: Pair) -> None:
    pair.connection.answer_instead(b"no")
    pair.server.transport.write(b"yes")
    pair.pass_time()
    assert (pair.client.data, pair.client.happened, pair.server.happened) == (b"no", ["eof", "lost"], ["reset"])


def test_silence_is_told_to_nobody(pair: Pair) -> None:
    pair.connection.silence()
    pair.client.transport.write(b"lost")
    pair.pass_time()
    assert (pair.server.data, pair.client.happened, pair.server.happened) == (b"", [], [])


def test_a_stalled_link_fills_the_senders_buffer_and_goes_on_later(pair: Pair) -> None:
    pair.server.transport.set_write_buffer_limits(1024)
    pair.connection.stall()
    pair.server.transport.write(b"x" * 16 * 1024)
    assert pair.server.happened == []
    pair.server.transport.write(b"y" * 2048)
    pair.pass_time()
    assert (pair.client.data, pair.server.happened) == (b"", ["pause"])
    pair.connection.go_on()
    pair.pass_time()
    assert pair.client.data == b"x" * 16 * 1024 + b"y" * 2048
    assert pair.server.happened == ["pause", "resume"]


def test_a_reader_that_pauses_gets_everything_when_it_reads_on(pair: Pair) -> None:
    pair.server.transport.pause_reading()
    pair.client.transport.write(b"one ")
    pair.client.transport.write(b"two")
    pair.pass_time()
    assert pair.server.data == b""
    pair.server.transport.resume_reading()
    pair.pass_time()
    assert pair.server.data == b"one two"


def test_where_nobody_listens_the_client_is_told() -> None:
    loop, told = SimulatedLoop(), list[Connection | None]()
    Network(loop, Delay(Random(1), 0.001, 0.05)).connect(Door(loop, None), Recorder(), told.append)
    loop.run_until_complete(asyncio.sleep(10))
    loop.sweep_up()
    assert told == [None]


def test_a_choked_link_is_congested_by_the_first_byte_until_it_goes_on(pair: Pair) -> None:
    pair.connection.choke()
    assert not pair.connection.is_fine
    assert pair.server.happened == []
    pair.server.transport.write(b"one")
    assert pair.server.happened == ["pause"]
    unsent_bytes = pair.server.transport.get_write_buffer_size()
    pair.pass_time(60)
    assert (pair.client.data, pair.server.transport.get_write_buffer_size()) == (b"", unsent_bytes)
    pair.connection.go_on()
    pair.pass_time()
    assert (pair.client.data, pair.server.happened) == (b"one", ["pause", "resume"])


def test_a_choked_link_is_given_up_by_an_abort(pair: Pair) -> None:
    pair.connection.choke()
    pair.server.transport.write(b"one")
    pair.server.transport.close()
    pair.pass_time(60)
    assert not pair.connection.server.is_lost
    pair.server.transport.abort()
    pair.pass_time()
    assert pair.connection.server.is_lost
    assert pair.client.happened == ["reset"]
