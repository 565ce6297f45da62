"""The operator's API against running daemons: who may, what it does, what the audit log says."""

import asyncio
import json
import time
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.daemon import SECRET, DaemonProcess, StartDaemon, bearer
from tests.sockets import close_code
from tests.timeouts import TIMEOUT_S
from transport.access.minting import mint

pytestmark = pytest.mark.integration

ADMIN = "/api/v1/admin"
ALONE = {"nodes": 1, "known": 1}
"""Of an answer: the node without a bus did it, and there is no other."""
PROTECTED = [
    ("GET", "stats"),
    ("GET", "users?user_id=ann"),
    ("GET", "node"),
    *(("POST", p) for p in ("disconnect", "revoke", "notice")),
]


def operator(scope: str | None = "syncd:admin") -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(SECRET, 'ops', 'console', 600, scope=scope)}"}


def with_id(token_id: str, user: str = "ann", ttl_s: int = 600) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(SECRET, user, 'tv', ttl_s, token_id=token_id)}"}


class Operator:
    """Calls the API of one daemon, and reads its audit log."""

    def __init__(self, http: aiohttp.ClientSession, daemon: DaemonProcess) -> None:
        self._http = http
        self._daemon = daemon
        self._log_begins = daemon.log.stat().st_size  # others may have called it before

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        url = f"{self._daemon.url}{ADMIN}/{path}"
        async with self._http.request(method, url, json=body, headers=headers or operator()) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str) -> Any:
        status, answer = await self.call("GET", path)
        assert status == 200, answer
        return answer

    async def post(self, path: str, **body: Any) -> Any:
        status, answer = await self.call("POST", path, body)
        assert status == 200, answer
        return answer

    async def sees(self, user: str, devices: int) -> list[dict[str, str]]:
        """Wait until the user has so many connections, and return them."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(connections := (await self.get(f"users?user_id={user}"))["connections"]) != devices:
                await asyncio.sleep(0.01)
        return list(connections)

    async def audited(self, action: str, count: int = 1) -> list[dict[str, str]]:
        """Wait until so many calls are in the log, and return their lines."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(found := self._audited(action)) < count:
                await asyncio.sleep(0.01)
        return found

    def _audited(self, action: str) -> list[dict[str, str]]:
        with self._daemon.log.open() as log:
            log.seek(self._log_begins)
            lines = [json.loads(line) for line in log if line.endswith("\n")]
        return [line for line in lines if line["logger"] == "syncd.audit" and line["action"] == action]


@pytest.fixture
def lone_daemon(start_daemon: StartDaemon) -> DaemonProcess:
    """A daemon of the test's own, which counts the whole node."""
    return start_daemon()


@pytest.fixture
def admin(http: aiohttp.ClientSession, daemon: DaemonProcess) -> Operator:
    return Operator(http, daemon)


async def test_only_tokens_with_the_scope_may(admin: Operator) -> None:
    for method, path in PROTECTED:
        for scope in (None, "", "syncd:administrator", "syncd:read", "SYNCD:ADMIN"):
            status, problem = await admin.call(method, path, {}, operator(scope))
            assert status == 403
            assert "syncd:admin" in problem["detail"]
        assert (await admin.call(method, path, {}, {"Authorization": "Bearer nonsense"}))[0] == 401
    assert (await admin.call("GET", "stats", headers=operator("other syncd:admin more")))[0] == 200
    calls = await admin.audited("stats", 7)
    assert {line["by"] for line in calls} == {"ops", "unknown"}
    assert {line["outcome"] for line in calls} == {"refused: 403", "refused: 401", "read"}


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("disconnect", {}, "user_id"),
        ("disconnect", {"user_id": ""}, "user_id"),
        ("disconnect", {"user_id": "ann", "device_id": 7}, "device_id"),
        ("revoke", {"token_id": ""}, "token_id"),
        ("revoke", {"token_id": "a", "expires_at": -1}, "expires_at"),
        ("revoke", {"token_id": "a", "expires_at": 1 << 63}, "expires_at"),
        ("revoke", {"token_id": "a", "expires_at": 0}, "expires_at"),
        ("revoke", {"token_id": "a", "expires_at": int(time.time())}, "expires_at"),
        ("notice", {"message": ""}, "message"),
        ("notice", {"message": "a\u001b[2Jb"}, "message"),
        ("notice", {"message": "a", "level": "loud"}, "level"),
    ],
)
async def test_a_wrong_body_is_400_names_the_field_and_is_audited(
    admin: Operator, path: str, body: dict[str, Any], named: str
) -> None:
    status, problem = await admin.call("POST", path, body)
    assert status == 400
    assert named in problem["detail"]
    assert [(line["by"], line["outcome"]) for line in await admin.audited(path)] == [("ops", "refused: 400")]


UNREADABLE = ("?user_id=%ff", "?user_id=%ED%A0%80", "?user_id=a%0Ab", "?user_id=%00")


@pytest.mark.parametrize(
    "query", ["", "?user_id=", "?user_id=a&user_id=b", "?user=a", "?user_id=" + 129 * "a", *UNREADABLE]
)
async def test_a_user_must_be_named_once(admin: Operator, query: str) -> None:
    status, problem = await admin.call("GET", f"users{query}")
    assert status == 400
    assert "user_id" in problem["detail"]


async def test_stats_tell_connections_users_and_counters(
    http: aiohttp.ClientSession, lone_daemon: DaemonProcess
) -> None:
    admin = Operator(http, lone_daemon)
    async with connect(lone_daemon.ws_url, additional_headers=bearer("ann", "tv")) as tv:
        await tv.send(
            '{"type":"watchlist_update","operation":"add","content_id":"0b0e6a4e-52a5-4a5b-9a1f-000000000001","id":1}'
        )
        async with asyncio.timeout(TIMEOUT_S):
            assert {json.loads(await tv.recv())["type"] for _ in range(2)} == {"ack", "watchlist_update"}
            while (stats := await admin.get("stats"))["journal"]["operations"] < 2:  # that, and that there is a device
                await asyncio.sleep(0.05)
    assert (stats["connections"], stats["users"], stats["active_watchlists"]) == (1, 1, 1)
    assert (stats["messages_relayed"], stats["messages_sent"]) == (1, 1)
    assert (stats["writes"]["added"], stats["journal"]["operations"]) == (1, 2)
    assert stats["journal"]["problem"] is stats["bus"]["problem"] is None
    for latency in (stats["broadcast_latency"], stats["write_latency"], stats["journal"]["commit_latency"]):
        assert 0 < latency["p50_ms"] <= latency["p99_ms"]
    assert stats["uptime_s"] > 0
    (node,) = stats.pop("nodes")
    assert (node["node"], node["self"], node["figures"].keys()) == (stats["node"], True, stats.keys())
    of_the_node = {"connections": 0, "connections_per_user": 0, "messages": 0, "reads": 0, "unread_bytes": 0}
    of_the_journal = {
        "items_per_list": 0,
        "gaps_per_replica": 0,
        "replicas_per_user": 0,
        "lists_per_user": 0,
        "keys_per_user": 0,
        "followed_per_user": 0,
    }
    assert stats["refusals"] == of_the_node | of_the_journal


async def test_who_is_connected_to_a_node_is_listed(http: aiohttp.ClientSession, lone_daemon: DaemonProcess) -> None:
    admin = Operator(http, lone_daemon)
    users = ["ann", "ann", *(f"user {number}" for number in range(101))]
    sockets = [await connect(lone_daemon.ws_url, additional_headers=bearer(user)) for user in users]
    await admin.sees("user 100", 1)
    listed = await admin.get("node")
    assert listed == await admin.get(f"node?name={listed['node']}")
    assert listed["users"][:2] == [{"user_id": "ann", "connections": 2}, {"user_id": "user 0", "connections": 1}]
    assert (len(listed["users"]), listed["left_out"]) == (100, 2)
    status, problem = await admin.call("GET", "node?name=nobody")
    assert (status, "nobody" in problem["detail"]) == (404, True)
    assert (await admin.call("GET", "node?name="))[0] == 400
    for socket in sockets:
        await socket.close()
    assert [line["outcome"] for line in await admin.audited("node", 4)] == [
        "read",
        "read",
        "refused: 404",
        "refused: 400",
    ]


async def test_a_users_devices_are_shown_and_disconnected_one_or_all(
    admin: Operator, daemon: DaemonProcess, user: str
) -> None:
    began_s = int(time.time())
    other, user = user, f"{user}/ä b\u00a0"  # whatever a token may say
    phone = "👩\u200d👧\u3000電話"
    quoted = quote(user, safe="")
    sockets = [await connect(daemon.ws_url, additional_headers=bearer(user, name)) for name in ("tv", phone, "pad")]
    bystander = await connect(daemon.ws_url, additional_headers=bearer(other, "tv"))
    shown = await admin.sees(quoted, 3)
    kept = await admin.get(f"users?user_id={quoted}")
    assert kept["collections"][0] == {"collection": "watchlist", "revision": 0}
    assert isinstance(kept["devices"], list)  # each is written within a moment
    assert [connection["device_id"] for connection in shown] == ["tv", phone, "pad"]
    assert all(time.gmtime(began_s)[:1] == time.strptime(c["connected_at"][:4], "%Y")[:1] for c in shown)
    assert await admin.post("disconnect", user_id=user, device_id=phone) == {"disconnected": 1} | ALONE
    assert await close_code(sockets[1]) == 4004
    assert await admin.post("disconnect", user_id=user, device_id="fridge") == {"disconnected": 0} | ALONE
    await admin.sees(quoted, 2)
    assert await admin.post("disconnect", user_id=user) == {"disconnected": 2} | ALONE
    assert [await close_code(sockets[0]), await close_code(sockets[2])] == [4004, 4004]
    await admin.sees(other, 1)
    await bystander.close()
    async with connect(daemon.ws_url, additional_headers=bearer(user, "tv")):
        pass
    calls = await admin.audited("disconnect", 3)
    assert calls[0]["target"] == f"user {user}, device {phone}"
    assert [line["outcome"].split()[0] for line in calls] == ["1", "0", "2"]


async def test_a_notice_reaches_every_device_and_its_text_the_audit_log(
    http: aiohttp.ClientSession, lone_daemon: DaemonProcess
) -> None:
    admin = Operator(http, lone_daemon)
    sockets = [await connect(lone_daemon.ws_url, additional_headers=bearer(user)) for user in ("ann", "bob")]
    for user in ("ann", "bob"):
        await admin.sees(user, 1)
    assert await admin.post("notice", message="Back at 5 — promised", level="warning") == {"notified": 2} | ALONE
    for socket in sockets:
        async with asyncio.timeout(TIMEOUT_S):
            notice = json.loads(await socket.recv())
        assert notice == {"type": "notice", "message": "Back at 5 — promised", "level": "warning"}
        await socket.close()
    (line,) = await admin.audited("notice")
    assert (line["by"], line["outcome"]) == ("ops", "2 notified, 1 of 1 nodes")
    assert "warning: Back at 5" in line["target"]


async def test_a_revoked_token_is_refused_and_its_sockets_closed_on_every_node_and_after_a_restart(
    http: aiohttp.ClientSession, start_daemon: StartDaemon, database_url: str
) -> None:
    shared = ("--log-format", "json", "--database-url", database_url)  # enough for revocations: no bus
    here, there = (start_daemon(*shared) for _ in range(2))
    revoked, other = with_id("stolen"), with_id("fine")
    sockets = [await connect(node.ws_url, additional_headers=revoked) for node in (here, there)]
    innocent = await connect(there.ws_url, additional_headers=other)
    admin = Operator(http, here)
    assert (
        await admin.post("revoke", token_id="stolen", expires_at=int(time.time()) + 600) == {"disconnected": 1} | ALONE
    )
    assert [await close_code(socket) for socket in sockets] == [4501, 4501]
    await innocent.send('{"type":"ping"}')
    assert json.loads(await innocent.recv()) == {"type": "pong"}
    await innocent.close()
    for node in (here, there):
        await assert_refused(http, node, revoked)
        async with connect(node.ws_url, additional_headers=other):
            pass
    assert await here.terminate() == 0
    await assert_refused(http, start_daemon(*shared), revoked)
    (line,) = await admin.audited("revoke")
    assert (line["target"], line["outcome"]) == ("token id stolen", "revoked, 1 disconnected, 1 of 1 nodes")
    assert revoked["Authorization"].split()[1] not in here.log.read_text()


@pytest.mark.parametrize("token_id", ["a" * 129, "two\nlines", "x" * 3000, " ", "é😀" * 65])
async def test_a_token_is_revoked_by_whatever_its_issuer_calls_it(
    http: aiohttp.ClientSession, admin: Operator, daemon: DaemonProcess, token_id: str
) -> None:
    revoked = with_id(token_id)
    async with connect(daemon.ws_url, additional_headers=revoked) as socket:
        await admin.post("revoke", token_id=token_id)
        assert await close_code(socket) == 4501
    await assert_refused(http, daemon, revoked)


async def test_no_later_revocation_lets_a_token_in_again_that_was_revoked_for_ever(
    http: aiohttp.ClientSession, admin: Operator, daemon: DaemonProcess
) -> None:
    revoked = with_id("stolen")
    now_s = int(time.time())
    await admin.post("revoke", token_id="stolen")
    assert (await admin.call("POST", "revoke", {"token_id": "stolen", "expires_at": now_s - 5}))[0] == 400
    await assert_refused(http, daemon, revoked)
    await admin.post("revoke", token_id="stolen", expires_at=now_s + 1.5)  # an exp may have a fraction
    await admin.post("revoke", token_id="another")  # which forgets what has ended
    async with asyncio.timeout(TIMEOUT_S):
        while time.time() <= now_s + 2:
            await assert_refused(http, daemon, revoked)
    await admin.post("revoke", token_id="a third")
    await assert_refused(http, daemon, revoked)


async def assert_refused(http: aiohttp.ClientSession, node: DaemonProcess, headers: dict[str, str]) -> None:
    async with http.get(node.url + "/api/v1/sync/watchlist", headers=headers) as response:
        assert response.status == 401
        assert "revoked" in (await response.json(content_type=None))["detail"]
    with pytest.raises(InvalidStatus, match="401"):
        await connect(node.ws_url, additional_headers=headers)


async def test_a_connection_that_has_renewed_its_token_outlives_the_old_ones_revocation(
    admin: Operator, daemon: DaemonProcess, user: str
) -> None:
    old_id, new_id = f"old {user}", f"new {user}"
    async with connect(daemon.ws_url, additional_headers=with_id(old_id)) as tv:
        new = with_id(new_id)["Authorization"].split()[1]
        await tv.send(json.dumps({"type": "authenticate", "token": new}))
        assert json.loads(await tv.recv())["type"] == "authenticated"
        assert await admin.post("revoke", token_id=old_id) == {"disconnected": 0} | ALONE
        assert await admin.post("revoke", token_id=new_id) == {"disconnected": 1} | ALONE
        assert await close_code(tv) == 4501


async def test_a_token_minted_on_the_command_line_has_an_id_and_the_scope(
    admin: Operator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncd.cli import main

    monkeypatch.setenv("SYNCD_JWT_SECRET", SECRET)
    assert main(["token", "--user", "ops", "--device", "c", "--scope", "syncd:admin", "--json"]) == 0
    minted = json.loads(capsys.readouterr().out)
    assert minted["scope"] == "syncd:admin"
    headers = {"Authorization": f"Bearer {minted['token']}"}
    assert (await admin.call("GET", "stats", headers=headers))[0] == 200
    await admin.post("revoke", token_id=minted["token_id"])
    assert (await admin.call("GET", "stats", headers=headers))[0] == 401
