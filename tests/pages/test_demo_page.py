"""The page at ``/``, by clicking: four devices, their connections, and what they know of each other."""

import json
import re
import urllib.request
from typing import Any

import pytest
from playwright.async_api import FloatRect, Locator, Page

from tests.pages.conftest import OpenPage, StartDaemon
from tests.pages.webkit import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

DEVICES = ("tv", "laptop", "tablet", "phone")
LIGHTHOUSE = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
SIGNAL = "0b0e6a4e-52a5-4a5b-9a1f-000000000002"
SUMMER = "0b0e6a4e-52a5-4a5b-9a1f-000000000005"
"""On the list from the start: the page's own first change."""
MILLISECONDS = re.compile(r"^\d+(\.\d)? ms$")

A_QUEUE_IS_STORED = """async () => {
  const found = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  for (const { name } of await indexedDB.databases()) {
    const database = await found(indexedDB.open(name));
    try {
      if (await found(database.transaction("queue").objectStore("queue").count())) return true;
    } finally {
      database.close();
    }
  }
  return false;
}"""


@pytest.fixture
def url(start_daemon: StartDaemon) -> str:
    return start_daemon()


class Devices:
    """The devices of a page, as a user finds them."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def card(self, device: str) -> Locator:
        return self.page.locator(f"#device-{device}")

    def film(self, device: str, content_id: str = LIGHTHOUSE) -> Locator:
        return self.card(device).locator(f'[data-content="{content_id}"]')

    def switch(self, device: str) -> Locator:
        return self.card(device).get_by_role("switch")

    async def are(self, state: str, *devices: str) -> None:
        for device in devices or DEVICES:
            await expect(self.card(device).locator(".state")).to_have_text(state)

    async def show(self, number: str, value: int, *devices: str) -> None:
        for device in devices or DEVICES:
            await expect(self.card(device).locator(f".{number}")).to_have_text(str(value))

    async def have(self, content_id: str, *devices: str) -> None:
        for device in devices or DEVICES:
            await expect(self.film(device, content_id)).to_have_attribute("aria-pressed", "true")

    async def lack(self, content_id: str, *devices: str) -> None:
        for device in devices or DEVICES:
            await expect(self.film(device, content_id)).to_have_attribute("aria-pressed", "false")

    async def order(self, *titles: str, on: tuple[str, ...] = DEVICES) -> None:
        """Expect tonight's films in this order."""
        for device in on:
            await expect(self.card(device).locator(".tonight .title")).to_have_text(list(titles))

    def player(self, device: str) -> Locator:
        return self.card(device).locator(".player")

    def tonight(self, device: str, title: str) -> Locator:
        return self.card(device).locator(".tonight").get_by_role("button", name=title)

    async def move(self, *moves: tuple[str, str, int]) -> None:
        """Press keys; after each the focus is on this device's film of this number."""
        for key, device, film in moves:
            await self.page.keyboard.press(key)
            await expect(self.film(device, LIGHTHOUSE[:-2] + f"{film:02}")).to_be_focused()


async def live_devices(open_page: OpenPage, url: str, width: int = 1280) -> Devices:
    """Open the page on a list that nobody has used, and wait for the page's own first change."""
    devices = Devices(await open_page(url, width))
    await devices.are("Live")
    await devices.show("revision", 1)
    await devices.show("queue", 0)
    return devices


async def test_one_film_is_listed_from_the_start_and_never_again(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    await devices.have(SUMMER)
    await devices.show("count", 1)
    await expect(devices.page.locator("#log tr th")).to_have_text("Glass Summer added on the TV")
    await devices.film("phone", SUMMER).click()
    await devices.lack(SUMMER)
    await devices.show("revision", 2)
    await devices.show("queue", 0)
    await devices.page.reload()
    await devices.are("Live")
    await devices.film("tv").click()  # the list is empty, and was used: this is its third change
    await devices.have(LIGHTHOUSE)
    await devices.show("revision", 3)
    await devices.lack(SUMMER)


async def test_a_film_added_on_one_device_arrives_on_the_others_with_the_measured_time(
    open_page: OpenPage, url: str
) -> None:
    devices = await live_devices(open_page, url)
    await devices.film("tv").click()
    await devices.have(LIGHTHOUSE)
    await devices.show("revision", 2)
    await devices.show("count", 2)
    await devices.show("queue", 0)
    for reader in ("laptop", "tablet", "phone"):
        await expect(devices.film(reader).locator(".flash")).to_have_text(MILLISECONDS)
    row = devices.page.locator("#log tr:first-child")
    await expect(row.get_by_role("rowheader")).to_have_text("Paper Lighthouse added on the TV")
    await expect(row.locator("td")).to_have_text(
        ["2", re.compile(r"^saved in \d+(\.\d)? ms$"), MILLISECONDS, MILLISECONDS, MILLISECONDS]
    )
    await expect(devices.page.locator("#announcer")).to_have_text(
        re.compile(r"^Paper Lighthouse added: Laptop [\d.]+ ms, Tablet [\d.]+ ms, Phone [\d.]+ ms\.$")
    )


async def test_a_film_removed_on_one_device_leaves_the_others(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    await devices.film("tv").click()
    await devices.have(LIGHTHOUSE)
    await devices.film("phone").click()
    await devices.lack(LIGHTHOUSE)
    await devices.show("revision", 3)


async def test_a_device_that_was_offline_sends_and_gets_what_was_missed(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    await devices.switch("phone").uncheck()
    await devices.are("Offline", "phone")
    await devices.film("phone", SIGNAL).click()
    await devices.show("queue", 1, "phone")
    await devices.film("tv").click()
    await devices.have(LIGHTHOUSE, "tv", "laptop", "tablet")
    await devices.lack(LIGHTHOUSE, "phone")
    await devices.show("revision", 1, "phone")
    await devices.lack(SIGNAL, "tv", "laptop", "tablet")

    await devices.switch("phone").check()
    await devices.have(LIGHTHOUSE)
    await devices.have(SIGNAL)
    await devices.show("revision", 3)
    await devices.show("queue", 0)


@pytest.mark.every_engine
async def test_behind_a_cut_network_every_device_goes_on(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    network = devices.page.get_by_role("switch", name="Network to the daemon")
    await network.uncheck()
    await devices.are("No connection")
    await devices.film("tv").click()
    await devices.film("phone", SIGNAL).click()
    await devices.show("queue", 1, "tv", "phone")
    await devices.lack(LIGHTHOUSE, "laptop", "tablet", "phone")
    await expect(devices.page.locator("#story")).to_contain_text("The network is cut.")

    await network.check()
    await devices.are("Live")
    await devices.have(LIGHTHOUSE)
    await devices.have(SIGNAL)
    await devices.show("queue", 0)


async def test_two_devices_that_disagree_end_with_the_same_list(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    story = devices.page.locator("#story")
    await devices.page.get_by_role("button", name="Make two devices disagree").click()
    await expect(story).to_contain_text("They disagree about Glass Summer: the TV has removed it, the Phone wants it.")
    await devices.are("Offline", "tv", "phone")
    await devices.lack(SUMMER, "tv")
    await devices.have(SUMMER, "laptop", "tablet", "phone")
    await devices.show("queue", 1, "tv")
    await devices.show("queue", 2, "phone")

    await devices.page.get_by_role("button", name="Bring all back").click()
    await expect(story).to_have_text(
        "Glass Summer stays on the list, everywhere: an add outlives a remove that had not seen it."
    )
    await devices.have(SUMMER)
    await devices.show("queue", 0)


@pytest.mark.every_engine
async def test_what_waits_in_a_queue_survives_a_reload(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    await devices.switch("tablet").uncheck()
    await devices.film("tablet").click()
    await devices.show("queue", 1, "tablet")
    await devices.page.wait_for_function(A_QUEUE_IS_STORED)  # a change is shown before it is on the disk
    await devices.page.reload()
    await devices.have(LIGHTHOUSE)
    await devices.show("revision", 2)


async def test_a_change_from_elsewhere_arrives_too(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    stranger = "0b0e6a4e-52a5-4a5b-9a1f-00000000abcd"
    for content_id in (LIGHTHOUSE, stranger):
        write(url, {"operation": "add", "content_id": content_id})
    await devices.have(LIGHTHOUSE)
    for device in DEVICES:
        await expect(devices.card(device).locator(".count")).to_have_text("2 + 1 other")


@pytest.mark.every_engine
async def test_the_keyboard_is_enough(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    await devices.page.locator("#disagree").focus()
    await devices.page.keyboard.press("Tab")
    await expect(devices.switch("tv")).to_be_focused()
    await devices.page.keyboard.press("Tab")
    await expect(devices.film("tv")).to_be_focused()
    await devices.page.keyboard.press("Enter")
    await devices.have(LIGHTHOUSE)
    await devices.order("Night Ferry", "Seven Doors", "Contour")
    await devices.page.keyboard.press("Tab")
    await expect(devices.tonight("tv", "Night Ferry")).to_be_focused()
    await devices.page.keyboard.press("Shift+ArrowDown")
    await devices.order("Seven Doors", "Night Ferry", "Contour")
    await devices.page.keyboard.press("Enter")
    await expect(devices.player("phone").locator(".where")).to_have_text("Playing on the TV")
    await expect(devices.tonight("tv", "Night Ferry")).to_be_focused()
    await devices.page.keyboard.press("Shift+Tab")
    await devices.page.keyboard.press("Shift+Tab")
    await devices.page.keyboard.press("Space")
    await devices.are("Offline", "tv")


@pytest.mark.every_engine
async def test_arrow_keys_move_between_films_and_devices_as_a_remote_does(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    await devices.film("tv").focus()
    await devices.move(("ArrowRight", "tv", 2), ("ArrowDown", "tv", 5), ("ArrowRight", "tv", 6))
    await devices.move(("ArrowRight", "laptop", 4), ("ArrowUp", "laptop", 1), ("ArrowUp", "laptop", 1))
    await devices.move(("ArrowRight", "laptop", 2), ("Shift+ArrowRight", "laptop", 2))
    await devices.page.keyboard.press("Enter")
    await devices.have(SIGNAL)
    await devices.page.keyboard.press("Shift+Tab")
    await expect(devices.switch("laptop")).to_be_focused()
    await devices.page.keyboard.press("Shift+Tab")
    await expect(devices.tonight("tv", "Night Ferry")).to_be_focused()
    await devices.move(("Shift+Tab", "tv", 6))


async def test_tonights_films_are_put_in_order_and_two_orders_become_one(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    await devices.order("Night Ferry", "Seven Doors", "Contour")
    await devices.tonight("tv", "Contour").focus()
    await devices.page.keyboard.press("Shift+ArrowUp")
    await devices.order("Night Ferry", "Contour", "Seven Doors")
    await expect(devices.tonight("tv", "Contour")).to_be_focused()
    await expect(devices.page.locator("#announcer")).to_have_text("Contour is number 2 of 3 on the TV.")
    await devices.switch("tv").uncheck()
    await devices.switch("phone").uncheck()
    await devices.are("Offline", "tv", "phone")
    await devices.tonight("tv", "Seven Doors").focus()
    await devices.page.keyboard.press("Shift+ArrowUp")
    await devices.order("Night Ferry", "Seven Doors", "Contour", on=("tv",))
    await devices.tonight("phone", "Night Ferry").focus()
    await devices.page.keyboard.press("Shift+ArrowDown")
    await devices.page.keyboard.press("Shift+ArrowDown")
    await devices.order("Contour", "Seven Doors", "Night Ferry", on=("phone",))
    await devices.order("Night Ferry", "Contour", "Seven Doors", on=("laptop",))
    story = devices.page.locator("#story")
    await expect(story).to_contain_text("Tonight is in another order on the TV and the Phone.")
    await devices.page.get_by_role("button", name="Bring all back").click()
    await devices.order("Seven Doors", "Contour", "Night Ferry")
    await expect(story).to_contain_text("Tonight has one order, everywhere")


async def test_tonights_films_are_dragged(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    await devices.order("Night Ferry", "Seven Doors", "Contour")
    start, end = await box(devices.tonight("laptop", "Night Ferry")), await box(devices.tonight("laptop", "Contour"))
    mouse, x = devices.page.mouse, start["x"] + start["width"] / 2
    await mouse.move(x, start["y"] + 5)
    await mouse.down()
    await mouse.move(x, end["y"] + end["height"] - 2, steps=3)
    await devices.order("Seven Doors", "Contour", "Night Ferry", on=("laptop",))
    await devices.order("Night Ferry", "Seven Doors", "Contour", on=("tv",))  # until it is dropped
    await mouse.up()
    await devices.order("Seven Doors", "Contour", "Night Ferry")


async def test_what_is_played_moves_on_every_device_and_is_handed_over_by_keyboard_and_by_dragging(
    open_page: OpenPage, url: str
) -> None:
    devices = await live_devices(open_page, url)
    await devices.tonight("tv", "Night Ferry").focus()
    await devices.page.keyboard.press("Enter")
    await expect(devices.player("tv").locator(".where")).to_have_text("Playing here")
    for device in DEVICES[1:]:
        await expect(devices.player(device).locator(".film")).to_have_text("Night Ferry")
        await expect(devices.player(device).locator(".where")).to_have_text("Playing on the TV")
    await devices.player("tv").get_by_role("slider").fill("1800")
    position = devices.player("phone").get_by_role("slider")
    await expect(position).to_have_attribute("aria-valuetext", re.compile("^0:30:0"))
    shown = await position.get_attribute("aria-valuetext")
    await expect(position).to_have_attribute(
        "aria-valuetext", re.compile(f"^0:(?!{(shown or '')[2:7]})")
    )  # it moves on

    await devices.player("tv").get_by_role("button", name="Continue on the Phone").focus()
    await devices.page.keyboard.press("Enter")
    await expect(devices.player("phone").locator(".where")).to_have_text("Playing here")
    await expect(devices.player("tv").locator(".where")).to_have_text("Playing on the Phone")
    await expect(position).to_have_attribute("aria-valuetext", re.compile("^0:30:"))
    await expect(devices.page.locator("#story")).to_contain_text("Night Ferry continues on the Phone")

    await devices.player("phone").scroll_into_view_if_needed()
    start, end = await box(devices.player("phone").locator(".film")), await box(devices.player("laptop"))
    await devices.page.mouse.move(start["x"] + 5, start["y"] + 5)
    await devices.page.mouse.down()
    await devices.page.mouse.move(end["x"] + 5, end["y"] + 5, steps=3)
    await expect(devices.card("laptop")).to_have_class(re.compile("is-target"))
    dragged = await box(devices.player("phone").locator(".film"))
    assert (dragged["x"] - start["x"], dragged["y"] - start["y"]) == (end["x"] - start["x"], end["y"] - start["y"])
    assert await box(devices.player("laptop")) == end  # being aimed at moves nothing
    await devices.page.mouse.up()
    assert await box(devices.player("phone").locator(".film")) == start
    await expect(devices.player("laptop").locator(".where")).to_have_text("Playing here")
    await devices.switch("tv").uncheck()
    await devices.are("Offline", "tv")
    await devices.player("laptop").get_by_role("button", name="Continue on the TV").click()
    await expect(devices.page.locator("#story")).to_have_text(  # half a second later it is offline
        re.compile(r"^Night Ferry cannot continue on the TV: the TV (is offline|does not answer just now)\.$")
    )
    await expect(devices.player("laptop").locator(".where")).to_have_text("Playing here")
    await devices.player("laptop").get_by_role("button", name="Pause Night Ferry").click()
    await devices.show("queue", 0, "laptop")
    write(url, {"content_id": LIGHTHOUSE[:-1] + "4", "position_seconds": 60, "state": "playing"}, "progress")
    await expect(devices.player("laptop").locator(".where")).to_have_text("Playing elsewhere")


async def test_on_a_screen_of_any_width_everything_is_in_sight_and_in_reach(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    film = devices.film("laptop", SUMMER)
    await film.locator(".flash").evaluate("(pill) => { pill.textContent = '999 ms' }")
    for width in (320, 390, 768, 1280, 1920):
        await devices.page.set_viewport_size({"width": width, "height": 900})
        assert await devices.page.evaluate("() => document.documentElement.scrollWidth") <= width
        poster, pill, tick, mark, title = [
            await box(film), await box(film.locator(".flash")), await box(film.locator(".badge")),
            await box(devices.page.locator(".mark")), await box(devices.page.locator("h1")),
        ]  # fmt: skip
        assert min(poster["width"], poster["height"]) >= 24  # WCAG 2.2, 2.5.8 Target Size (Minimum)
        assert pill["y"] >= tick["y"] + tick["height"], width
        assert mark["x"] == title["x"], width
    await devices.page.set_viewport_size({"width": 390, "height": 844})  # where the devices are two by two
    await devices.film("tv", LIGHTHOUSE[:-2] + "11").focus()
    await devices.move(("ArrowDown", "tablet", 2), ("ArrowLeft", "tablet", 1), ("ArrowLeft", "tablet", 1))
    await devices.move(("ArrowUp", "tv", 10))


async def test_in_forced_colours_it_is_told_what_is_listed_and_who_is_live(open_page: OpenPage, url: str) -> None:
    devices = await live_devices(open_page, url)
    await devices.page.emulate_media(forced_colors="active")
    await devices.switch("phone").uncheck()
    await devices.are("Offline", "phone")
    badges = [devices.film("tv", film).locator(".badge") for film in (SUMMER, LIGHTHOUSE)]
    listed, unlisted = [await badge.evaluate("(it) => getComputedStyle(it).backgroundColor") for badge in badges]
    assert listed != unlisted
    dots = [devices.card(device).locator(".state") for device in ("tv", "phone")]
    live, offline = [await dot.evaluate("(it) => getComputedStyle(it, '::before').borderTopWidth") for dot in dots]
    assert (live, offline) == ("4px", "2px")  # full, and a ring


async def box(element: Locator) -> FloatRect:
    found = await element.bounding_box()
    assert found is not None
    return found


def write(url: str, body: dict[str, Any], collection: str = "watchlist") -> None:
    """Change the demo user's watchlist, or progress, as a program would."""
    asked = urllib.request.Request(
        f"{url}/dev/token",
        json.dumps({"device": "terminal"}).encode(),
        {"Origin": url, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        token = json.load(answer)["token"]
    done = urllib.request.Request(
        f"{url}/api/v1/sync/{collection}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(done).close()
