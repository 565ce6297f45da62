"""A page in Chromium that has the JavaScript client, as it is built."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from playwright.async_api import CDPSession, Page, Route, async_playwright

from bench.programs import Program
from bench.servers import THIS, Server

_FILE: Final = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
CHROMIUM: Final = Program(name="Chromium", package="Debian: chromium", find=lambda: _FILE if _FILE.exists() else None)

_CLIENT: Final = THIS.directory / "clients" / "javascript" / "dist" / "syncd-client.js"
_SCRIPT: Final = Path(__file__).with_name("page.js")
_PAGE: Final = """<!doctype html><script type="module">
import { SyncClient } from "./syncd-client.js";
globalThis.SyncClient = SyncClient;
await import("./page.js");
</script>"""
_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-features=LocalNetworkAccessChecks",  # a page that Playwright answers counts as one from afar
)


class ClientPage:
    """A page of a profile of its own, so that nothing is stored there yet."""

    def __init__(self, page: Page, devtools: CDPSession) -> None:
        self._page = page
        self._devtools = devtools

    async def call(self, name: str, **arguments: Any) -> dict[str, float]:
        """Return what that function of ``page.js`` returns, and as ``cpu`` the milliseconds of its thread's CPU."""
        before_ms = await self._cpu_ms()
        found: dict[str, float] = await self._page.evaluate(f"(given) => bench.{name}(given)", arguments)
        return {**found, "cpu": await self._cpu_ms() - before_ms}

    async def _cpu_ms(self) -> float:
        answer = await self._devtools.send("Performance.getMetrics")
        metrics = {metric["name"]: metric["value"] for metric in answer["metrics"]}
        return float(metrics["TaskDuration"]) * 1e3


@asynccontextmanager
async def client_page(server: Server) -> AsyncIterator[ClientPage]:
    """Open a page of the daemon's origin."""

    async def answer(route: Route) -> None:
        file = {_CLIENT.name: _CLIENT, _SCRIPT.name: _SCRIPT}.get(route.request.url.rpartition("/")[2])
        if file is None:
            await route.fulfill(content_type="text/html", body=_PAGE)
        else:
            await route.fulfill(content_type="text/javascript", path=file)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_FILE, args=_FLAGS)
        page = await browser.new_page()
        page.on("pageerror", lambda error: print(f"in the page: {error}", file=sys.stderr))
        await page.route("**/bench/*", answer)
        await page.goto(f"http://127.0.0.1:{server.port}/bench/")
        await page.wait_for_function("globalThis.bench !== undefined")
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        yield ClientPage(page, devtools)
        await browser.close()
