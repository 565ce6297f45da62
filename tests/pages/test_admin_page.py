"""The page at ``/admin``, by clicking, on a real daemon with real devices."""

import asyncio
import json
import re
import shlex
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route
from websockets.asyncio.client import ClientConnection, connect

from tests.pages.conftest import ROOT, SECRET, OpenPage, running_daemon
from tests.pages.webkit import expect
from tests.scenarios.conftest import NatsServer
from transport.access.minting import mint

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKEN = mint(SECRET, "ops", "console", 3600, scope="syncd:admin")
TOKEN_FIELD = "Operator\u2019s token"

OpenAdmin = Callable[..., Awaitable[Page]]
Device = Callable[[str], Awaitable[ClientConnection]]
StartNodes = Callable[[int], Awaitable[list[str]]]


_numbers = count(1)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a daemon that the tests share."""
    with running_daemon(tmp_path_factory.mktemp("daemon"), SECRET) as url:
        yield url


@pytest.fixture
def user() -> str:
    """A user nobody else has, whose name has to be escaped."""
    return f"ann & bob {next(_numbers)}"


@pytest.fixture
def open_admin(url: str, open_page: OpenPage) -> OpenAdmin:
    """``await open_admin(width=1280)``: the page, its token not yet given."""

    async def opened(width: int = 1280) -> Page:
        return await open_page(f"{url}/admin", width)

    return opened


@pytest_asyncio.fixture(loop_scope="session")
async def device(url: str, user: str) -> AsyncIterator[Device]:
    """``await device(device_id)``: a connected device of ``user``."""
    async with AsyncExitStack() as stack:

        async def connected(device_id: str) -> ClientConnection:
            headers = {"Authorization": f"Bearer {mint(SECRET, user, device_id, 3600)}"}
            address = url.replace("http", "ws", 1) + "/ws?since=0"
            socket = await stack.enter_async_context(connect(address, additional_headers=headers, max_queue=None))
            await socket.recv()  # resumed: it is registered
            return socket

        yield connected


@pytest_asyncio.fixture(loop_scope="session")
async def start_nodes(tmp_path: Path) -> AsyncIterator[StartNodes]:
    """``await start_nodes(2)``: the URLs of nodes on one bus, each with a database of its own."""
    nats = NatsServer(tmp_path / "bus.log")
    await nats.start()
    with ExitStack() as stack:

        async def started(number: int) -> list[str]:
            flags = (*nats.flags, "--bus-key", "a key that only the nodes of this test have")
            return [
                await asyncio.to_thread(stack.enter_context, running_daemon(tmp_path / str(each), SECRET, *flags))
                for each in range(number)
            ]

        yield started
    await nats.kill()


async def sign_in(page: Page, token: str = TOKEN) -> None:
    await page.get_by_label(TOKEN_FIELD).fill(token)
    await page.get_by_role("button", name="Open").click()


async def show_user(page: Page, user: str) -> None:
    await page.get_by_label("User id").fill(user)
    await page.get_by_role("button", name="Show").click()


async def test_an_operator_sees_how_the_node_does(open_admin: OpenAdmin, device: Device) -> None:
    await device("tv")
    await device("phone")
    page = await open_admin()
    await sign_in(page)
    figures = {"connections": "2", "users": "1", "journal": "Works", "bus": "none", "outbox": "0", "gaps": "0"}
    figures |= {"devices-online": "2", "presence-waiting": "0", "leases-lost": "0"}
    for tile, value in figures.items():
        await expect(page.locator(f"#{tile}")).to_have_text(value)
    await expect(page.locator("#bus")).to_have_class(re.compile("^verdict ?$"))
    await expect(page.locator("#status")).to_contain_text("version")


async def test_the_page_says_what_makes_a_token_that_this_daemon_takes(open_page: OpenPage, tmp_path: Path) -> None:
    with running_daemon(tmp_path, None, "--jwt-audience", "our apps") as url:
        page = await open_page(f"{url}/admin")
        command = shlex.split(await page.locator("#token-source code").inner_text())
        assert command[:4] == ["python", "-m", "syncd", "token"]
        made = await asyncio.create_subprocess_exec(sys.executable, *command[1:], cwd=ROOT, stdout=PIPE)
        token, _ = await made.communicate()
        await sign_in(page, token.decode())
        await expect(page.locator("#desk")).to_be_visible()
    await page.context.close()


async def test_relays_and_their_latency_appear_in_the_charts(open_admin: OpenAdmin, device: Device) -> None:
    tv = await device("tv")
    page = await open_admin()
    await sign_in(page)
    for name in ("relays", "latency"):  # three points are two seconds
        for line in await page.locator(f"#{name} path.line").all():
            await expect(line).to_have_attribute("d", re.compile(r"^M(.+L){2}"))
    await expect(page.locator("#relays .legend dd")).to_have_text("0")
    for number in range(20):
        content_id = f"0b0e6a4e-52a5-4a5b-9a1f-{number:012d}"
        await tv.send(f'{{"type":"watchlist_update","operation":"add","content_id":"{content_id}"}}')
    await expect(page.locator("#latency .legend dd").first).not_to_have_text("0")
    drawn = await page.locator("#relays path.line").get_attribute("d")
    heights = {point.split()[1] for point in (drawn or "M0 0")[1:].split("L")}
    assert len(heights) > 1


async def test_trouble_of_the_journal_is_named(open_admin: OpenAdmin) -> None:
    page = await open_admin()

    async def with_trouble(route: Route) -> None:
        answer = await route.fetch()
        stats = await answer.json()
        stats["journal"]["problem"] = "database is locked"
        await route.fulfill(response=answer, json=stats)

    await page.route("**/api/v1/admin/stats", with_trouble)
    await sign_in(page)
    await expect(page.locator("#journal")).to_have_text("database is locked")
    await page.unroute("**/api/v1/admin/stats")
    await expect(page.locator("#journal")).to_have_text("Works")


async def test_the_page_waits_for_a_daemon_that_is_away(open_admin: OpenAdmin) -> None:
    page = await open_admin()
    await sign_in(page)
    await expect(page.locator("#desk")).to_be_visible()
    await page.context.set_offline(True)
    await expect(page.locator("#status")).to_have_text("The daemon does not answer. Trying again.")
    await page.context.set_offline(False)
    await expect(page.locator("#status")).to_contain_text("version")


@pytest.mark.every_engine
async def test_a_users_device_is_disconnected(open_admin: OpenAdmin, device: Device, user: str) -> None:
    called = "👩\u200d👧\u3000電話"  # by its owner
    tv, phone = await device("tv"), await device(called)
    content_id = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
    await tv.send(f'{{"type":"list_update","list":"kids","operation":"add","content_id":"{content_id}","id":1}}')
    await tv.recv()  # acknowledged
    page = await open_admin()
    await sign_in(page)
    await show_user(page, user)
    await expect(page.locator("#user-summary")).to_have_text("2 connections.")
    await expect(page.locator("#collections-table tbody tr")).to_have_text(
        [re.compile(r"^watchlist\s*0"), re.compile(r"^progress\s*0"), re.compile(r"^list:kids\D*1")]
    )
    await page.get_by_role("button", name=f"Disconnect {called}").click()
    await expect(page.locator("#user-summary")).to_contain_text("1 connection ended.")
    await phone.wait_closed()
    assert phone.close_code == 4004
    await expect(page.locator("#connections-table tbody th")).to_have_text(["tv"])
    await page.get_by_role("button", name="Disconnect all").click()
    await tv.wait_closed()
    assert tv.close_code == 4004
    await expect(page.locator("#connections-table")).to_be_hidden()


async def test_spaces_that_may_belong_to_an_id_are_not_cut_off(open_admin: OpenAdmin, user: str) -> None:
    page = await open_admin()
    await sign_in(page)
    await show_user(page, f" {user}\u3000 ")
    await expect(page.get_by_label("User id")).to_have_value(f"{user}\u3000")


async def test_the_users_of_a_node_are_listed_and_one_of_them_shown(
    open_admin: OpenAdmin, device: Device, user: str
) -> None:
    await device("tv")
    page = await open_admin()

    async def with_known_devices(route: Route) -> None:  # the database learns of a device within a moment
        answer = await route.fetch()
        tv = {"device_id": "tv", "device_name": "Living room", "nodes": ["a1"], "last_seen": "2026-11-24T12:00:00Z"}
        phone = {"device_id": "phone", "nodes": [], "last_seen": "2026-11-24T11:00:00Z"}
        await route.fulfill(response=answer, json={**await answer.json(), "devices": [tv, phone]})

    await page.route("**/api/v1/admin/users?*", with_known_devices)
    await sign_in(page)
    await expect(page.locator("#nodes-table tbody tr")).to_have_count(1)
    await expect(page.locator("#nodes-table tbody th")).to_contain_text("(this one)")
    await page.get_by_role("button", name="Users of").click()
    await page.get_by_role("button", name=f"Show {user}", exact=True).click()
    await expect(page.get_by_label("User id")).to_have_value(user)
    await expect(page.locator("#connections-table tbody th")).to_have_text(["tv"])
    await expect(page.locator("#devices-table tbody tr")).to_have_text(
        [re.compile(r"^tv \(Living room\)\s*Online: a1"), re.compile(r"^phone\s*Offline")]
    )


async def test_what_a_list_of_users_has_no_room_for_is_counted(open_admin: OpenAdmin) -> None:
    page = await open_admin()

    async def with_many(route: Route) -> None:
        users = [{"user_id": f"user {number}", "connections": 1} for number in range(100)]
        await route.fulfill(json={"node": "a1b2c3d4", "users": users, "left_out": 1900})

    await page.route("**/api/v1/admin/node?*", with_many)
    await sign_in(page)
    await page.get_by_role("button", name="Users of").click()
    summary = "100 users, longest connected first. 1,900 more are not listed."
    await expect(page.locator("#node-users-summary")).to_have_text(summary)
    await expect(page.locator("#node-users-table tbody tr")).to_have_count(100)


async def test_a_token_is_revoked_by_its_id(open_admin: OpenAdmin, url: str, user: str) -> None:
    headers = {"Authorization": f"Bearer {mint(SECRET, user, 'tv', 3600, token_id='stolen')}"}
    async with connect(url.replace("http", "ws", 1) + "/ws?since=0", additional_headers=headers) as socket:
        await socket.recv()
        page = await open_admin()
        await sign_in(page)
        await page.get_by_label("Token id").fill("stolen")
        await page.get_by_role("button", name="Revoke").click()
        done = "Token stolen is refused from now on, 1 connection ended."
        await expect(page.locator("#revoke-summary")).to_have_text(done)
        await socket.wait_closed()
        assert socket.close_code == 4501
    await expect(page.get_by_label("Token id")).to_have_value("")


async def test_a_notice_is_shown_on_every_device(open_admin: OpenAdmin, device: Device) -> None:
    tv = await device("tv")
    page = await open_admin()
    await sign_in(page)
    await page.get_by_label("Text").fill("Back at <five>")
    await page.get_by_label("Level").select_option("warning")
    await page.get_by_role("button", name="Send to every device").click()
    await expect(page.locator("#notice-summary")).to_have_text("Sent to 1 connection.")
    assert json.loads(await tv.recv()) == {"type": "notice", "message": "Back at <five>", "level": "warning"}


async def test_a_call_that_fails_says_why(open_admin: OpenAdmin) -> None:
    page = await open_admin()
    await sign_in(page)
    await page.get_by_label("Text").fill("a\u0085b")
    await page.get_by_role("button", name="Send to every device").click()
    await expect(page.locator("#notice-summary")).to_contain_text("message")
    await expect(page.locator("#notice-summary")).to_have_class(re.compile("is-trouble"))


async def test_all_nodes_are_shown_and_who_has_answered(open_page: OpenPage, start_nodes: StartNodes) -> None:
    here, _, there = await start_nodes(3)
    headers = {"Authorization": f"Bearer {mint(SECRET, 'ann', 'tv', 3600)}"}
    async with connect(there.replace("http", "ws", 1) + "/ws?since=0", additional_headers=headers) as socket:
        await socket.recv()
        page = await open_page(f"{here}/admin")
        await sign_in(page)
        await expect(page.locator("#nodes")).to_have_text("3")
        await expect(page.locator("#bus")).to_have_text("Works")
        await expect(page.locator("#connections")).to_have_text("1")
        await expect(page.locator("#nodes-table tbody tr")).to_have_count(3)
        await page.get_by_label("Text").fill("Back at five.")
        await page.get_by_role("button", name="Send to every device").click()
        await expect(page.locator("#notice-summary")).to_have_text("Sent to 1 connection. 3 of 3 nodes answered.")
        assert json.loads(await socket.recv())["message"] == "Back at five."
        await show_user(page, "ann")
        await expect(page.locator("#user-summary")).to_have_text("1 connection. 3 of 3 nodes answered.")
        await page.get_by_role("button", name="Disconnect tv").click()
        await expect(page.locator("#user-summary")).to_contain_text("1 connection ended. 3 of 3 nodes answered.")
        await socket.wait_closed()


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("no.token", "The token is malformed."),
        (mint(SECRET, "ann", "tv", 3600), "The token's scope must have the word"),
    ],
    ids=["malformed", "without scope"],
)
async def test_a_refused_token_is_asked_for_again(open_admin: OpenAdmin, token: str, reason: str) -> None:
    page = await open_admin()
    await sign_in(page, token)
    await expect(page.locator("#status")).to_contain_text(reason)
    await expect(page.get_by_label(TOKEN_FIELD)).to_be_visible()


@pytest.mark.every_engine
async def test_the_token_stays_in_the_tab_until_it_is_forgotten(open_admin: OpenAdmin) -> None:
    page = await open_admin()
    await sign_in(page)
    await expect(page.locator("#desk")).to_be_visible()
    assert TOKEN not in page.url
    await page.reload()
    await expect(page.locator("#desk")).to_be_visible()
    await page.get_by_role("button", name="Forget the token").click()
    await expect(page.get_by_label(TOKEN_FIELD)).to_be_visible()
    assert await page.evaluate("() => sessionStorage.length + localStorage.length + document.cookie.length") == 0


async def test_on_a_narrow_screen_the_page_needs_no_scrolling_sideways(
    open_admin: OpenAdmin, device: Device, user: str
) -> None:
    await device("living-room-tv")
    page = await open_admin(width=360)
    await sign_in(page)
    await show_user(page, user)
    await expect(page.locator("#connections-table")).to_be_visible()
    assert await page.evaluate("() => document.documentElement.scrollWidth") <= 360
