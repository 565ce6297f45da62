"""What one user may use of a node: counted here, and told in the documented way by a daemon: 503, 429, 4003."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.daemon import FILM, WATCHLIST, DaemonProcess, StartDaemon, bearer
from tests.remembered import strings_kept_by
from tests.timeouts import TIMEOUT_S
from transport.access.limits import Limits, Quotas, TokenBuckets
from transport.errors import Problem

integration = pytest.mark.integration

OPERATIONS = "/api/v1/sync/operations"
ACTIVITIES = "/api/v1/sync/last_activities"
VALID = {"operation": "add", "content_id": FILM}


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    buckets = TokenBuckets(rate=2, burst=3)
    assert [buckets.acquire("ann", 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.acquire("ann", 0.5) == 0
    assert buckets.acquire("ann", 0.5) == 0.5


def test_no_more_than_a_burst_is_saved_however_long_nothing_is_asked() -> None:
    buckets = TokenBuckets(rate=2, burst=3)
    buckets.acquire("ann", 0.0)
    assert [buckets.acquire("ann", 3_600.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_keys_do_not_share() -> None:
    buckets = TokenBuckets(rate=1, burst=1)
    assert buckets.acquire("ann", 0.0) == 0
    assert buckets.acquire("bob", 0.0) == 0
    assert buckets.acquire("ann", 0.0) == 1


def test_a_refusal_takes_nothing() -> None:
    buckets = TokenBuckets(rate=1, burst=5)
    assert buckets.acquire("ann", 0.0, 4) == 0
    assert buckets.acquire("ann", 0.0, 4) == 3
    assert buckets.acquire("ann", 0.0, 1) == 0


def test_more_than_a_burst_at_once_takes_a_full_bucket_and_leaves_a_debt() -> None:
    buckets = TokenBuckets(rate=1, burst=5)
    assert buckets.acquire("ann", 0.0, 8) == 0
    assert buckets.acquire("ann", 0.0) == 4
    assert buckets.acquire("ann", 4.0) == 0


def test_full_buckets_are_forgotten() -> None:
    buckets = TokenBuckets(rate=1, burst=2, min_sweep=10)
    for number in range(1000):
        assert buckets.acquire(str(number), float(number)) == 0
    assert len(buckets) <= 11


def test_buckets_in_use_are_not_searched_for_full_ones_again_and_again() -> None:
    sweeps: list[float] = []

    class Counting(TokenBuckets):
        def _forget_full(self, now_s: float) -> None:
            sweeps.append(now_s)
            super()._forget_full(now_s)

    buckets = Counting(rate=1, burst=1_000_000, min_sweep=10)
    for number in range(1000):
        buckets.acquire(str(number), 0.0, 500_000)
    assert len(buckets) == 1000
    assert len(sweeps) <= 8


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 3)), max_size=50))
def test_no_more_gets_through_than_burst_and_rate_allow(steps: list[tuple[float, int]]) -> None:
    buckets = TokenBuckets(rate=3, burst=5)
    now_s, acquired = 0.0, 0
    for pause_s, tokens in steps:
        now_s += pause_s
        if buckets.acquire("ann", now_s, tokens) == 0:
            acquired += tokens
        assert acquired <= 5 + 3 * now_s + 1e-6


def test_connections_are_bounded_per_user_and_in_all() -> None:
    quotas = Quotas(Limits(max_connections=3, max_connections_per_user=2))
    quotas.connect("ann")
    quotas.connect("ann")
    with pytest.raises(Problem, match="2 connections") as of_user:
        quotas.connect("ann")
    quotas.connect("bob")
    with pytest.raises(Problem, match="3 connections") as of_node:
        quotas.connect("bob")
    quotas.disconnect("ann")
    quotas.connect("bob")
    assert [refused.value.status for refused in (of_user, of_node)] == [429, 503]
    assert all(refused.value.headers == {"Retry-After": "10"} for refused in (of_user, of_node))
    assert all(refused.value.code == "quota_exceeded" for refused in (of_user, of_node))
    assert quotas.refusals == {
        "connections_per_user": 1,
        "connections": 1,
        "messages": 0,
        "reads": 0,
        "unread_bytes": 0,
    }


def test_who_has_disconnected_is_forgotten() -> None:
    quotas = Quotas(Limits())
    quotas.connect("ann")
    quotas.connect("ann")
    quotas.disconnect("ann")
    assert "ann" in strings_kept_by(quotas)
    quotas.disconnect("ann")
    assert "ann" not in strings_kept_by(quotas)


def test_a_refused_connection_leaves_nothing_behind() -> None:
    quotas = Quotas(Limits(max_connections_per_user=1))
    for _ in range(3):
        quotas.connect("ann")
        with pytest.raises(Problem):
            quotas.connect("ann")
        quotas.disconnect("ann")


def test_messages_are_bounded_per_user() -> None:
    quotas = Quotas(Limits(messages_per_second=1, message_burst=2))
    assert quotas.try_acquire_messages("ann", 2, 0.0) == 0
    assert quotas.try_acquire_messages("ann", 1, 0.0) == 1
    assert quotas.refusals["messages"] == 1


def test_who_writes_too_fast_is_told_when_to_come_back_in_whole_seconds() -> None:
    quotas = Quotas(Limits(messages_per_second=0.4, message_burst=2))
    quotas.acquire_messages("ann", 2, 0.0)
    with pytest.raises(Problem, match="messages a second") as refused:
        quotas.acquire_messages("ann", 1, 0.0)
    assert (refused.value.status, refused.value.code) == (429, "quota_exceeded")
    assert refused.value.headers == {"Retry-After": "3"}
    quotas.acquire_messages("ann", 1, 3.0)
    quotas.acquire_messages("bob", 2, 0.0)


def test_reads_are_bounded_per_user_apart_from_messages() -> None:
    quotas = Quotas(Limits(reads_per_second=0.4, read_burst=2, messages_per_second=1, message_burst=1))
    quotas.acquire_messages("ann", 1, 0.0)
    quotas.acquire_read("ann", 0.0)
    quotas.acquire_read("ann", 0.0)
    with pytest.raises(Problem, match=r"reads more than 0\.4 times a second") as refused:
        quotas.acquire_read("ann", 0.0)
    assert (refused.value.status, refused.value.code) == (429, "quota_exceeded")
    assert refused.value.headers == {"Retry-After": "3"}
    assert quotas.refusals["reads"] == 1
    quotas.acquire_read("ann", 3.0)
    quotas.acquire_read("bob", 0.0)


def test_by_default_all_devices_of_a_user_may_come_back_at_once_and_read_their_list() -> None:
    quotas = Quotas(Limits())
    for _ in range(2 * quotas.limits.max_connections_per_user):
        quotas.acquire_read("ann", 0.0)


def test_by_default_one_socket_may_carry_two_thousand_messages_a_second_for_ever() -> None:
    quotas = Quotas(Limits())
    for _ in range(300):
        quotas.connect("ann")
    for second in range(1, 100):
        for hundredth in range(100):
            assert quotas.try_acquire_messages("ann", 20, second + hundredth / 100) == 0


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Lets each user have little: four connections, four messages, three reads. Each test has users of its own."""
    messages = ("--messages-per-second", "0.01", "--message-burst", "4")
    reads = ("--reads-per-second", "0.01", "--read-burst", "3")
    daemon = DaemonProcess(tmp_path_factory.mktemp("strict"), "--max-connections-per-user", "4", *messages, *reads)
    yield daemon
    daemon.stop()


def device(daemon: DaemonProcess, user: str, name: str = "tv") -> connect:
    return connect(daemon.ws_url, additional_headers=bearer(user, name))


async def refused(connecting: connect) -> tuple[int, str | None, str]:
    """Return status, ``Retry-After`` and detail of the answer to a handshake."""
    with pytest.raises(InvalidStatus) as refusal:
        await connecting
    response = refusal.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, response.headers.get("Retry-After"), json.loads(response.body)["detail"]


async def refusals(http: aiohttp.ClientSession, daemon: DaemonProcess, reason: str) -> float:
    async with http.get(daemon.url + "/metrics") as response:
        text = await response.text()
    (line,) = [line for line in text.splitlines() if line.startswith(f'syncd_refusals_total{{reason="{reason}"}}')]
    return float(line.split()[1])


async def opened(connecting: connect) -> ClientConnection:
    """Connect as soon as there is room: the node learns of an end a moment later than the client."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            try:
                return await connecting
            except InvalidStatus:
                await asyncio.sleep(0.01)


@integration
async def test_a_users_connections_are_bounded_and_the_others_do_not_notice(
    daemon: DaemonProcess, http: aiohttp.ClientSession, user: str
) -> None:
    ann, bob = f"ann-{user}", f"bob-{user}"
    before = await refusals(http, daemon, "connections_per_user")
    async with device(daemon, ann), device(daemon, ann, "radio"), device(daemon, ann, "watch"), device(daemon, bob):
        async with device(daemon, ann, "phone"):
            status, retry_after, detail = await refused(device(daemon, ann, "tablet"))
            assert (status, retry_after) == (429, "10")
            assert "4 connections to this node already (max_connections_per_user)" in detail
            async with device(daemon, bob, "phone"):
                pass
        again = await opened(device(daemon, ann, "tablet"))
        await again.close()
    assert await refusals(http, daemon, "connections_per_user") - before >= 1


@integration
async def test_a_nodes_connections_are_bounded(start_daemon: StartDaemon, http: aiohttp.ClientSession) -> None:
    daemon = start_daemon("--max-connections", "2")
    async with device(daemon, "ann"), device(daemon, "bob"):
        status, retry_after, detail = await refused(device(daemon, "cyd"))
        assert (status, retry_after) == (503, "10")
        assert "2 connections (max_connections)" in detail
    assert await refusals(http, daemon, "connections") == 1


@integration
async def test_a_device_that_sends_too_fast_is_closed_with_4003_and_may_come_back(
    daemon: DaemonProcess, http: aiohttp.ClientSession, user: str
) -> None:
    ann, bob = f"ann-{user}", f"bob-{user}"
    before = await refusals(http, daemon, "messages")
    async with device(daemon, ann) as fast, device(daemon, bob) as bystander:
        answered = 0
        with suppress(ConnectionClosed):
            async with asyncio.timeout(TIMEOUT_S):
                while True:
                    await fast.send('{"type":"ping"}')
                    assert json.loads(await fast.recv()) == {"type": "pong"}
                    answered += 1
        assert answered == 4
        assert fast.close_code == 4003
        await bystander.send('{"type":"ping"}')
        assert json.loads(await bystander.recv()) == {"type": "pong"}
    async with device(daemon, ann):
        pass
    assert await refusals(http, daemon, "messages") - before >= 1


@integration
@pytest.mark.parametrize("path", [WATCHLIST, OPERATIONS])
async def test_a_user_who_writes_too_fast_over_http_is_told_when_to_come_back(
    daemon: DaemonProcess, http: aiohttp.ClientSession, user: str, path: str
) -> None:
    ann, bob = f"ann-{user}", f"bob-{user}"
    before = await refusals(http, daemon, "messages")
    body, cost = (VALID, 1) if path == WATCHLIST else ({"operations": [VALID, VALID]}, 2)
    for _ in range(4 // cost):
        async with http.post(daemon.url + path, json=body, headers=bearer(ann)) as response:
            assert response.status == 200
    async with http.post(daemon.url + path, json=body, headers=bearer(ann)) as response:
        assert response.status == 429
        assert 50 * cost < int(response.headers["Retry-After"]) <= 100 * cost
        assert response.content_type == "application/problem+json"
        problem = await response.json(content_type=None)
        assert "messages a second to this node (messages_per_second)" in problem["detail"]
        assert problem["code"] == "quota_exceeded"
    async with http.post(daemon.url + path, json=body, headers=bearer(bob)) as response:
        assert response.status == 200
    assert await refusals(http, daemon, "messages") - before == 1


@integration
@pytest.mark.parametrize("path", [WATCHLIST, f"{WATCHLIST}?since=0", ACTIVITIES])
async def test_a_user_who_reads_too_fast_over_http_is_told_when_to_come_back(
    daemon: DaemonProcess, http: aiohttp.ClientSession, user: str, path: str
) -> None:
    ann, bob = f"ann-{user}", f"bob-{user}"
    before = await refusals(http, daemon, "reads")
    for condition in ({}, {"If-None-Match": '"another"'}, {}):
        async with http.get(daemon.url + path, headers=bearer(ann) | condition) as response:
            assert response.status == 200
    async with http.get(daemon.url + path, headers=bearer(ann)) as response:
        assert response.status == 429
        assert 90 < int(response.headers["Retry-After"]) <= 100
        assert response.content_type == "application/problem+json"
        problem = await response.json(content_type=None)
        assert "reads more than 0.01 times a second from this node (reads_per_second)" in problem["detail"]
        assert problem["code"] == "quota_exceeded"
    async with http.get(daemon.url + path, headers=bearer(bob)) as response:
        assert response.status == 200
    async with http.post(daemon.url + WATCHLIST, json=VALID, headers=bearer(ann)) as response:
        assert response.status == 200
    assert await refusals(http, daemon, "reads") - before == 1


@integration
async def test_a_device_that_resumes_too_often_is_refused_before_the_upgrade_and_a_live_one_is_not(
    daemon: DaemonProcess, http: aiohttp.ClientSession, user: str
) -> None:
    ann, bob = f"ann-{user}", f"bob-{user}"
    before = await refusals(http, daemon, "reads")

    def resuming(user: str) -> connect:
        return connect(f"{daemon.ws_url}?since=0", additional_headers=bearer(user))

    for _ in range(3):
        async with resuming(ann) as socket:
            assert json.loads(await socket.recv())["type"] == "resumed"
    status, retry_after, detail = await refused(resuming(ann))
    expected = "This user reads more than 0.01 times a second from this node (reads_per_second)."
    assert (status, detail) == (429, expected)
    assert retry_after is not None
    assert 90 < int(retry_after) <= 100
    async with device(daemon, ann), resuming(bob) as socket:
        assert json.loads(await socket.recv())["type"] == "resumed"
    assert await refusals(http, daemon, "reads") - before == 1
