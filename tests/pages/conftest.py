"""A daemon for development and a headless Chromium. What a page asks of others, or logs as an error, fails its test."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from tests.engines import CHROMIUM, ENGINES, FIREFOX, why_missing
from tests.pages.webkit import WebKit, running_webkit
from tests.timeouts import TIMEOUT_S

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECRET = "a secret of the tests, and long enough"
TIMEOUT_MS = TIMEOUT_S * 1000

StartDaemon = Callable[..., str]
OpenPage = Callable[..., Awaitable[Page]]


@contextmanager
def running_daemon(directory: Path, secret: str | None = None, *flags: str) -> Iterator[str]:
    """Run a daemon and return its URL; without a secret it is for development, with the page."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "log").open("wb") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "syncd", "--port", "0", "--data-dir", str(directory / "data"), *flags],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **({"SYNCD_JWT_SECRET": secret} if secret else {})},
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert daemon.stdout is not None
        welcome = daemon.stdout.readline().decode()
        assert " listens on " in welcome, (directory / "log").read_text()
        yield welcome.split()[-1]
    finally:
        daemon.terminate()
        daemon.communicate()


@pytest.fixture
def start_daemon(tmp_path: Path) -> Iterator[StartDaemon]:
    """``start_daemon(secret=None)``: the URL of a daemon of the test's own."""
    with ExitStack() as stack:
        yield lambda secret=None: stack.enter_context(running_daemon(tmp_path, secret))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test in the first engine, and those marked ``every_engine`` in all of them."""
    if "browser" in metafunc.fixturenames:
        is_for_all = metafunc.definition.get_closest_marker("every_engine") is not None
        metafunc.parametrize("browser", ENGINES if is_for_all else ENGINES[:1], indirect=True, scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Browser | WebKit]:
    """The engine of the test, started once for all its tests."""
    if missing := why_missing(request.param):
        pytest.skip(missing)
    if request.param == "webkit":
        with running_webkit() as webkit:
            yield webkit
        return
    expect.set_options(timeout=TIMEOUT_MS)
    async with async_playwright() as playwright:
        if request.param == "firefox":
            # With this channel Playwright drives a Firefox that is not its own: by WebDriver BiDi.
            browser = await playwright.firefox.launch(
                executable_path=FIREFOX, channel="moz-firefox", firefox_user_prefs={"ui.prefersReducedMotion": 1}
            )
        else:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser | WebKit, start_daemon: StartDaemon) -> AsyncIterator[OpenPage]:
    """``await open_page(url, width=1280)``: the page in a fresh profile, closed before its daemon is killed."""
    complaints: list[str] = []
    async with AsyncExitStack() as stack:

        async def opened(url: str, width: int = 1280) -> Page:
            if isinstance(browser, WebKit):
                tab = await browser.open(url)
                stack.push_async_callback(tab.close)
                return cast("Page", tab)  # it has all that tests use which run in every engine
            context = await browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
            stack.push_async_callback(context.close)
            context.set_default_timeout(TIMEOUT_MS)
            page = await context.new_page()
            page.on("pageerror", lambda error: None if _is_of_socket(str(error)) else complaints.append(str(error)))
            page.on(
                "console",
                lambda said: complaints.append(f"{said.text} {said.location}") if _is_complaint(said) else None,
            )
            page.on("request", lambda asked: None if _is_own(asked.url, url) else complaints.append(asked.url))
            await page.goto(url)
            return page

        yield opened
    assert not complaints


def _is_complaint(said: ConsoleMessage) -> bool:
    """Chromium also logs answers that a page expects: an API's 401, a daemon that is away."""
    return said.type == "error" and "/api/" not in said.location["url"] and not _is_of_socket(said.text)


def _is_of_socket(text: str) -> bool:
    """Firefox tells of a WebSocket that is closed before it is open: the client opens another when it follows more."""
    return "/ws?" in text


def _is_own(asked: str, url: str) -> bool:
    return urlsplit(asked).scheme == "data" or urlsplit(asked).netloc == urlsplit(url).netloc
