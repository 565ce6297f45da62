"""Real clients on a real daemon: two devices converge, whatever falls over meanwhile."""

import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from syncd_client import Client, Confirmed, Disconnected, Event, Refused, SqliteStore, State

from tests.timeouts import TIMEOUT_S
from transport.access.minting import mint

pytestmark = pytest.mark.integration

SECRET = "a secret of the tests, long enough for HS256"


def content(number: int) -> str:
    return str(UUID(int=number))


class Daemon:
    """A ``syncd`` process that can be killed and started again at the same address."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self._data_dir = data_dir
        self._options = options
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        arguments = ["--port", str(self._port), "--data-dir", str(self._data_dir), "--jwt-secret", SECRET]
        log = (self._data_dir / "log").open("a")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "syncd", *arguments, *self._options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        address = re.search(r"listens on http://127\.0\.0\.1:(\d+)", self._process.stdout.readline())
        assert address is not None, (self._data_dir / "log").read_text()
        self._port = int(address[1])

    def kill(self) -> None:
        """``kill -9``: nothing is flushed, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    def history(self, user: str) -> list[dict[str, Any]]:
        """Return every change the journal has of ``user``."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/api/v1/sync/watchlist?since=0",
            headers={"Authorization": f"Bearer {mint(SECRET, user, 'auditor', 60)}"},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            changes: list[dict[str, Any]] = json.load(response)["changes"]
        return changes


@contextmanager
def running(data_dir: Path, *options: str) -> Iterator[Daemon]:
    daemon = Daemon(data_dir, *options)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.kill()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One for all tests that let it live; each test is a user of its own."""
    with running(tmp_path_factory.mktemp("daemon")) as daemon:
        yield daemon


@pytest.fixture
def mortal_daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path) as daemon:
        yield daemon


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    name: str = request.node.name
    return name


def device(name: str, user: str) -> Callable[[], Awaitable[str]]:
    async def get_token() -> str:
        return mint(SECRET, user, name, 3600)

    return get_token


def ids(client: Client) -> list[str]:
    return [item.content_id for item in client.items]


def is_settled(client: Client) -> bool:
    return client.state is State.LIVE and client.queued == 0


async def until(client: Client, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await client.wait_until(condition)


async def settle(*clients: Client) -> None:
    for client in clients:
        await until(client, partial(is_settled, client))


async def agree(one: Client, other: Client) -> None:
    """Wait until both show the same list, all of it confirmed."""
    await settle(one, other)
    await until(other, lambda: is_settled(other) and ids(other) == ids(one))
    await until(one, lambda: is_settled(one) and ids(other) == ids(one))


async def test_what_one_device_adds_and_removes_the_other_shows(daemon: Daemon, user: str) -> None:
    async with Client(daemon.url) as phone, Client(daemon.url) as tv:
        phone.sign_in(user, device("phone", user))
        tv.sign_in(user, device("tv", user))
        await settle(phone, tv)
        phone.add(content(1))
        assert ids(phone) == [content(1)]
        await until(tv, lambda: ids(tv) == [content(1)])
        tv.add(content(2))
        tv.remove(content(1))
        await until(phone, lambda: ids(phone) == [content(2)])
        await agree(phone, tv)


async def test_edits_made_offline_on_both_sides_meet_and_adds_win(daemon: Daemon, user: str) -> None:
    async with Client(daemon.url) as phone, Client(daemon.url) as tv:
        phone.sign_in(user, device("phone", user))
        tv.sign_in(user, device("tv", user))
        phone.add(content(1))
        phone.add(content(2))
        await until(tv, lambda: len(tv.items) == 2)
        await agree(phone, tv)
        phone.disconnect()
        tv.disconnect()
        phone.remove(content(1))  # had not seen the TV's
        phone.remove(content(2))
        phone.add(content(3))
        phone.remove(content(3))  # its own, never sent
        tv.add(content(1))
        tv.add(content(4))
        tv.connect()
        await settle(tv)
        phone.connect()
        await agree(phone, tv)
        assert ids(phone) == [content(4), content(1)]


async def test_a_device_whose_clock_was_a_day_ahead_goes_on_as_one_whose_clock_never_was(
    daemon: Daemon, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead_ms = 24 * 3600 * 1000
    monkeypatch.setattr("syncd_client.engine._now_ms", lambda: time.time_ns() // 1_000_000 + ahead_ms)
    async with Client(daemon.url, SqliteStore(tmp_path / "phone.db")) as phone:
        phone.sign_in(user, device("phone", user))
        phone.disconnect()
        phone.add(content(1))
        phone.add(content(1), position="V")
        for number in range(2, 100):
            phone.add(content(number))
        shown = [content(1), *(content(number) for number in reversed(range(2, 100)))]
        assert ids(phone) == shown
    ahead_ms = 0
    async with Client(daemon.url, SqliteStore(tmp_path / "phone.db")) as phone:
        phone.sign_in(user, device("phone", user))
        await settle(phone)
        assert ids(phone) == shown
    async with Client(daemon.url, SqliteStore(tmp_path / "phone.db")) as phone:
        phone.sign_in(user, device("phone", user))
        phone.add(content(100))
        await settle(phone)
        stamps = [change["timestamp"] for change in daemon.history(user)]
    assert len(stamps) == 101
    assert len({stamp["node"] for stamp in stamps}) == 1, "the service has stamped none of them"
    assert all(stamp["physical"] <= time.time_ns() // 1_000_000 for stamp in stamps)


async def test_nothing_is_lost_or_doubled_when_the_daemon_is_killed_again_and_again(
    mortal_daemon: Daemon, tmp_path: Path, user: str
) -> None:
    daemon = mortal_daemon
    async with (
        Client(daemon.url, SqliteStore(tmp_path / "phone.db")) as phone,
        Client(daemon.url, SqliteStore(tmp_path / "tv.db")) as tv,
    ):
        seen: list[Event] = []

        def confirmed() -> list[str]:
            return [event.operation_id for event in seen if isinstance(event, Confirmed)]

        for client, name in ((phone, "phone"), (tv, "tv")):
            client.subscribe(seen.append)
            client.sign_in(user, device(name, user))
        await settle(phone, tv)
        for round_number in range(3):
            for number in range(100):
                phone.add(content(1000 * round_number + number))
                tv.add(content(1000 * round_number + 500 + number))
            tv.remove(content(1000 * round_number + 500))
            enough = len(confirmed()) + 10
            await until(phone, lambda enough=enough: len(confirmed()) > enough)  # type: ignore[misc]
            daemon.kill()
            assert phone.queued, "killed too late to hurt"
            daemon.start()
            phone.connect()
            tv.connect()
        await agree(phone, tv)
        assert len(phone.items) == 3 * 199
        assert not [event for event in seen if isinstance(event, Refused)]
        assert len(confirmed()) == len(set(confirmed())) == 3 * 201
        history = daemon.history(user)
        assert [change["revision"] for change in history] == list(range(1, 3 * 201 + 1))
        added = [change["content_id"] for change in history if change["action"] == "add"]
        assert len(added) == len(set(added)) == 3 * 200


async def test_a_queue_written_before_the_app_died_is_sent_by_the_next_run(
    daemon: Daemon, tmp_path: Path, user: str
) -> None:
    async with Client(daemon.url, SqliteStore(tmp_path / "phone.db")) as phone:
        phone.sign_in(user, device("phone", user))
        phone.disconnect()
        phone.add(content(1))
        phone.add(content(2))
        phone.remove(content(1))
    async with Client(daemon.url, SqliteStore(tmp_path / "phone.db")) as phone:
        phone.sign_in(user, device("phone", user))
        assert ids(phone) == [content(2)]
        assert phone.queued == 3
        await settle(phone)
    assert [(change["action"], change["content_id"]) for change in daemon.history(user)] == [
        ("add", content(1)),
        ("add", content(2)),
        ("remove", content(1)),
    ]


async def test_where_there_is_no_room_for_another_replica_nothing_that_a_device_writes_is_lost(
    tmp_path: Path, user: str
) -> None:
    outcomes: list[Event] = []
    with running(tmp_path, "--max-replicas-per-user", "1") as daemon:
        async with Client(daemon.url) as tv, Client(daemon.url, SqliteStore(tmp_path / "phone.db")) as phone:
            tv.sign_in(user, device("tv", user))
            tv.add(content(1))
            await settle(tv)
            phone.subscribe(lambda event: outcomes.append(event) if isinstance(event, Confirmed | Refused) else None)
            phone.sign_in(user, device("phone", user))
            phone.add(content(2))
            phone.add(content(3))
            phone.remove(content(2))
            phone.add(content(4))
            await agree(phone, tv)
            assert ids(phone) == [content(4), content(3), content(1)]
        tags = {change["content_id"]: change["unique_tag"] for change in daemon.history(user)}
    assert all(isinstance(outcome, Confirmed) for outcome in outcomes)
    assert len(outcomes) == 4
    assert all(tags[content(number)].startswith("syncd:") for number in (2, 3, 4))


async def test_a_device_that_was_away_gets_what_it_missed(daemon: Daemon, user: str) -> None:
    async with Client(daemon.url) as phone, Client(daemon.url) as tv:
        phone.sign_in(user, device("phone", user))
        tv.sign_in(user, device("tv", user))
        phone.add(content(0))
        await agree(phone, tv)
        tv.disconnect()
        for number in range(1, 50):
            phone.add(content(number))
        phone.remove(content(0))
        await settle(phone)
        tv.connect()
        await agree(phone, tv)
        assert ids(tv) == [content(number) for number in range(49, 0, -1)]


async def test_a_token_that_ends_is_replaced_without_the_app_doing_anything(daemon: Daemon, user: str) -> None:
    lifetimes = iter([1, 3600, 3600])

    async def get_token() -> str:
        return mint(SECRET, user, "phone", next(lifetimes))

    async with Client(daemon.url) as phone:
        ends: list[Event] = []
        phone.subscribe(lambda event: ends.append(event) if isinstance(event, Disconnected) else None)
        phone.sign_in(user, get_token)
        await until(phone, lambda: len(ends) == 1)
        assert phone.state is State.WAITING
        await settle(phone)
        phone.add(content(1))
        await settle(phone)


async def test_a_token_that_is_not_valid_is_used_once_and_asked_for_until_there_is_another(
    daemon: Daemon, user: str
) -> None:
    reasons: list[str] = []
    tokens = [mint("another secret, of somebody else, of good length", user, "phone", 3600)]

    async def get_token() -> str:
        return tokens[-1]

    async with Client(daemon.url) as phone:
        phone.subscribe(lambda event: reasons.append(event.reason) if isinstance(event, Disconnected) else None)
        phone.sign_in(user, get_token)
        await until(phone, lambda: "the token was refused before" in reasons)
        assert reasons[0].startswith("refused with status 401: ")
        tokens.append(mint(SECRET, user, "phone", 3600))
        await settle(phone)


async def test_two_users_of_one_device_keep_to_themselves(daemon: Daemon, tmp_path: Path, user: str) -> None:
    async with Client(daemon.url, SqliteStore(tmp_path / "tv.db")) as tv:
        tv.sign_in(user, device("tv", user))
        tv.add(content(1))
        tv.sign_in("bob of " + user, device("tv", "bob of " + user))
        assert tv.items == ()
        tv.add(content(2))
        await settle(tv)
        assert ids(tv) == [content(2)]
        tv.sign_in(user, device("tv", user))
        assert ids(tv) == [content(1)]
        await settle(tv)
    assert [change["content_id"] for change in daemon.history(user)] == [content(1)]
    assert [change["content_id"] for change in daemon.history("bob of " + user)] == [content(2)]
