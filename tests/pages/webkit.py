"""WebKit, driven by WebDriver: as much of Playwright's browser as the tests use that run in every engine."""

import asyncio
import json
import os
import re
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar, cast

from playwright.async_api import Locator
from playwright.async_api import expect as expect_of_playwright

from tests.engines import WEBKIT_DRIVER, XVFB
from tests.sockets import free_port
from tests.timeouts import TIMEOUT_S

ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"  # so WebDriver calls a reference to one
ROLES: Final = {"button": "button", "switch": "[role=switch]", "rowheader": "th[scope=row]"}
KEYS: Final = {
    "Tab": "\ue004", "Enter": "\ue007", "Shift": "\ue008", "Space": " ",
    "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015",
}  # fmt: skip
POLL_S: Final = 0.02

Wanted = str | re.Pattern[str]
T = TypeVar("T")

SHOWN = """return Array.from(arguments, (element) => ({
  text: element.textContent.replace(/\\s+/gu, " ").trim(),
  value: element.value ?? null,
  attributes: Object.fromEntries(Array.from(element.attributes, ({ name, value }) => [name, value])),
  isVisible: element.checkVisibility({ visibilityProperty: true }),
  isFocused: element === document.activeElement,
}))"""
CALLED = """const [done] = arguments;
Promise.resolve().then(() => (%s)()).then((value) => done({ value }), (error) => done({ error: `${error}` }))"""


class WebDriverError(Exception):
    """The browser refused a command: an element is gone, or cannot be clicked."""


class Driver:
    """A session: windows that share one profile."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=2 * TIMEOUT_S)
        self._path = ""

    def start(self) -> None:
        """Open the browser, as soon as the driver listens."""
        ends_s = time.monotonic() + TIMEOUT_S
        while True:
            try:
                self._connection.connect()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < ends_s, "the driver does not listen"
                time.sleep(POLL_S)
        timeouts = {"script": 1000 * TIMEOUT_S, "pageLoad": 1000 * TIMEOUT_S}
        session = self.send("POST", "/session", {"capabilities": {"alwaysMatch": {"timeouts": timeouts}}})
        self._path = f"/session/{session['sessionId']}"

    def close(self) -> None:
        """Forget it; the browser is ended by whoever runs the driver."""
        self._connection.close()

    def send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Have the browser do one thing, in the window that was chosen last.

        Raises:
            WebDriverError: it refused.
        """
        self._connection.request(method, self._path + path, json.dumps(body or {}) if method == "POST" else None)
        response = self._connection.getresponse()
        value = json.load(response)["value"]
        if response.status != 200:
            raise WebDriverError(f"{method} {path}: {value}")
        return value


@dataclass(frozen=True)
class WebKit:
    """The browser, started once for all tests."""

    driver: Driver

    async def open(self, url: str) -> "WebKitPage":
        """Return a new window that shows ``url``: a tab in the background would not be painted."""
        return await asyncio.to_thread(self._open, url)

    def _open(self, url: str) -> "WebKitPage":
        first = self.driver.send("GET", "/window")
        opened = self.driver.send("POST", "/window/new", {"type": "window"})
        self.driver.send("POST", "/window", {"handle": opened["handle"]})
        self.driver.send("POST", "/url", {"url": url})
        return WebKitPage(self.driver, first)


@contextmanager
def running_webkit() -> Iterator[WebKit]:
    """Run the browser on a screen that nobody sees."""
    reading, writing = os.pipe()
    command = [str(XVFB), "-displayfd", str(writing), "-nolisten", "tcp"]
    with (
        ExitStack() as stack,
        subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as screen,
        os.fdopen(reading) as told,
    ):
        os.close(writing)
        display = f":{told.readline().strip()}"
        port = free_port()
        environment = {**os.environ, **stack.enter_context(_without_motion()), "DISPLAY": display}
        with subprocess.Popen([WEBKIT_DRIVER, f"--port={port}"], env=environment) as program:
            driver = Driver(port)
            try:
                driver.start()
                yield WebKit(driver)
                driver.send("DELETE", "")
            finally:
                driver.close()
                program.terminate()
                screen.terminate()


@contextmanager
def _without_motion() -> Iterator[dict[str, str]]:
    """Yield the environment in which pages move less and are painted without a compositor, which takes a third."""
    with TemporaryDirectory() as directory:
        settings = Path(directory) / "gtk-3.0" / "settings.ini"
        settings.parent.mkdir()
        settings.write_text("[Settings]\ngtk-enable-animations=false\n")
        yield {"XDG_CONFIG_HOME": directory, "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}


class WebKitPage:
    """The window of a test. The names are Playwright's."""

    def __init__(self, driver: Driver, first: str) -> None:
        self.keyboard = self
        self._driver = driver
        self._first = first

    async def close(self) -> None:
        await self.send("DELETE", "/window")
        await self.send("POST", "/window", {"handle": self._first})

    async def reload(self) -> None:
        await self.send("POST", "/refresh")

    async def evaluate(self, source: str) -> object:
        """Return what the function ``source`` does."""
        answer = await self.send("POST", "/execute/async", {"script": CALLED % source, "args": []})
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    async def wait_for_function(self, source: str) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not await self.evaluate(source):
                await asyncio.sleep(POLL_S)

    async def press(self, keys: str) -> None:
        """Press keys like ``Shift+Tab``."""
        codes = [KEYS[key] for key in keys.split("+")]
        steps = [{"type": "keyDown", "value": code} for code in codes]
        steps += [{"type": "keyUp", "value": code} for code in reversed(codes)]
        await self.send("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": steps}]})

    @property
    def url(self) -> str:
        return str(self._driver.send("GET", "/url"))

    def locator(self, css: str) -> "WebKitLocator":
        return WebKitLocator(self, css)

    def get_by_role(self, role: str, *, name: str | None = None, exact: bool = False) -> "WebKitLocator":
        return self.locator("html").get_by_role(role, name=name, exact=exact)

    def get_by_label(self, label: str) -> "WebKitLocator":
        return WebKitLocator(self, ":is(input, select, textarea)", label)

    async def send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        return await asyncio.to_thread(self._driver.send, method, path, body)


@dataclass(frozen=True)
class WebKitLocator:
    """The elements of a page that ``css`` selects and that are called ``name`` to who cannot see them."""

    page: WebKitPage
    css: str
    name: str | None = None
    is_exact: bool = False

    def locator(self, css: str) -> "WebKitLocator":
        return WebKitLocator(self.page, f"{self.css} {css}")

    def get_by_role(self, role: str, *, name: str | None = None, exact: bool = False) -> "WebKitLocator":
        return replace(self.locator(ROLES[role]), name=name, is_exact=exact)

    async def click(self) -> None:
        await self._with_the_one("POST", "click")

    async def check(self) -> None:
        if not await self._with_the_one("GET", "selected"):
            await self.click()

    async def uncheck(self) -> None:
        if await self._with_the_one("GET", "selected"):
            await self.click()

    async def fill(self, text: str) -> None:
        await self._with_the_one("POST", "clear")
        await self._with_the_one("POST", "value", text=text)

    async def focus(self) -> None:
        async def focused() -> None:
            script = {"script": "arguments[0].focus()", "args": [await self._the_one()]}
            await self.page.send("POST", "/execute/sync", script)

        await _when_possible(focused)

    async def shown(self) -> list[dict[str, Any]]:
        """Return what each of the elements is like now: the keys are those of ``SHOWN``."""
        return cast(
            "list[dict[str, Any]]",
            await self.page.send("POST", "/execute/sync", {"script": SHOWN, "args": await self._all()}),
        )

    async def _with_the_one(self, method: str, action: str, **body: object) -> object:
        """Do ``action`` with the one element that there must be, as soon as that can be done."""

        async def done() -> object:
            element = (await self._the_one())[ELEMENT]
            return cast("object", await self.page.send(method, f"/element/{element}/{action}", body))

        return await _when_possible(done)

    async def _the_one(self) -> dict[str, str]:
        found = await self._all()
        if len(found) != 1:
            raise WebDriverError(f"{len(found)} elements are {self.css!r}, called {self.name!r}")
        return found[0]

    async def _all(self) -> list[dict[str, str]]:
        found = await self.page.send("POST", "/elements", {"using": "css selector", "value": self.css})
        return [element for element in found if self.name is None or await self._is_called(element)]

    async def _is_called(self, element: dict[str, str]) -> bool:
        try:
            name = str(await self.page.send("GET", f"/element/{element[ELEMENT]}/computedlabel"))
        except WebDriverError:
            return False  # it is hidden, and has no name
        return self.name == name if self.is_exact else str(self.name).lower() in name.lower()


async def _when_possible(act: Callable[[], Awaitable[T]]) -> T:
    """Return what ``act`` does once the browser does not refuse it any more."""
    ends_s = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return await act()
        except WebDriverError:
            if time.monotonic() > ends_s:
                raise
        await asyncio.sleep(POLL_S)


@dataclass(frozen=True)
class WebKitAssertions:
    """What is expected of a locator, sooner or later. The names are Playwright's."""

    locator: WebKitLocator

    async def to_have_text(self, text: Wanted | list[Wanted]) -> None:
        texts = text if isinstance(text, list) else [text]
        await self._so(lambda shown: _all_are([each["text"] for each in shown], texts))

    async def not_to_have_text(self, text: str) -> None:
        await self._so(lambda shown: len(shown) == 1 and shown[0]["text"] != text)

    async def to_contain_text(self, text: str) -> None:
        await self._so(lambda shown: len(shown) == 1 and text in shown[0]["text"])

    async def to_have_value(self, value: str) -> None:
        await self._so(lambda shown: _all_are([each["value"] for each in shown], [value]))

    async def to_have_attribute(self, name: str, value: Wanted) -> None:
        await self._so(lambda shown: _all_are([each["attributes"].get(name, "") for each in shown], [value]))

    async def to_have_class(self, names: re.Pattern[str]) -> None:
        await self.to_have_attribute("class", names)

    async def to_have_count(self, count: int) -> None:
        await self._so(lambda shown: len(shown) == count)

    async def to_be_focused(self) -> None:
        await self._so(lambda shown: [each["isFocused"] for each in shown] == [True])

    async def to_be_visible(self) -> None:
        await self._so(lambda shown: [each["isVisible"] for each in shown] == [True])

    async def to_be_hidden(self) -> None:
        await self._so(lambda shown: not any(each["isVisible"] for each in shown))

    async def _so(self, is_so: Callable[[list[dict[str, Any]]], bool]) -> None:
        async def as_expected() -> None:
            shown = await self.locator.shown()
            if not is_so(shown):
                raise WebDriverError(f"{self.locator.css!r}, called {self.locator.name!r}, is {shown}")

        await _when_possible(as_expected)


def _all_are(texts: list[str], wanted: list[Wanted]) -> bool:
    return len(texts) == len(wanted) and all(
        text == each if isinstance(each, str) else each.search(text) is not None
        for text, each in zip(texts, wanted, strict=True)
    )


def expect(locator: Locator) -> WebKitAssertions:
    """Expect something of a locator, Playwright's or WebKit's."""
    found = cast("Locator | WebKitLocator", locator)
    if isinstance(found, WebKitLocator):
        return WebKitAssertions(found)
    return cast("WebKitAssertions", expect_of_playwright(found))  # it has the same methods
