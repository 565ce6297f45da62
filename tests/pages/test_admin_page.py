"""The page at ``/admin``, by clicking, on a real daemon with real devices."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect
from websockets.asyncio.client import ClientConnection, connect

from tests.pages.conftest import SECRET, OpenPage, running_daemon
from transport.access.minting import mint

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKEN = mint(SECRET, "ops", "console", 3600, scope="syncd:admin")
TOKEN_FIELD = "Operator\u2019s token"

OpenAdmin = Callable[..., Awaitable[Page]]
Device = Callable[[str], Awaitable[ClientConnection]]


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
    figures = {"connections": "2", "users": "1", "journal": "Works", "bus": "Works", "outbox": "0", "gaps": "0"}
    for tile, value in figures.items():
        await expect(page.locator(f"#{tile}")).to_have_text(value)
    await expect(page.locator("#status")).to_contain_text("version")


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


async def test_a_users_device_is_disconnected(open_admin: OpenAdmin, device: Device, user: str) -> None:
    tv, phone = await device("tv"), await device("phone")
    page = await open_admin()
    await sign_in(page)
    await show_user(page, user)
    await expect(page.locator("#user-summary")).to_have_text("2 connections to this node.")
    await page.get_by_role("button", name="Disconnect phone").click()
    await expect(page.locator("#user-summary")).to_contain_text("1 connection ended.")
    await phone.wait_closed()
    assert phone.close_code == 4004
    await expect(page.locator("#connections-table tbody th")).to_have_text(["tv"])
    await page.get_by_role("button", name="Disconnect all").click()
    await tv.wait_closed()
    assert tv.close_code == 4004
    await expect(page.locator("#connections-table")).to_be_hidden()


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
