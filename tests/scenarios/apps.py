"""Apps under load: real clients that never stop writing, and what must hold of them and of the journal at the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from uuid import UUID

import aiohttp
from syncd_client import Client, Confirmed, Disconnected, Event, Refused

from tests.scenarios.conftest import SECRET, WATCHLIST, Bearer
from tests.timeouts import TIMEOUT_S
from transport.access.minting import mint

USERS = ("ann", "bob")
DEVICES_PER_USER = 3
DRAIN = ("--shutdown-timeout", "2")
"""Asks devices to come back spread over a second."""


class App:
    """A device whose owner never stops adding films; ``told`` is everything that its client said meanwhile."""

    def __init__(self, url: str, user: str, number: int) -> None:
        self.user = user
        self.is_writing = True
        self.client = Client(url)
        self.told: list[Event] = []
        self.added: set[str] = set()
        self.client.subscribe(self.told.append)
        self._films = count(number << 32)

        async def get_token() -> str:
            return mint(SECRET, user, f"device-{number}", 3600)

        self.client.sign_in(user, get_token)

    @property
    def confirmed(self) -> dict[str, int | None]:
        """Content -> revision of each write that the service acknowledged."""
        return {event.content_id: event.revision for event in self.told if isinstance(event, Confirmed)}

    @property
    def ends(self) -> list[Disconnected]:
        """Connections and attempts that ended."""
        return [event for event in self.told if isinstance(event, Disconnected)]

    async def go_on_writing(self) -> None:
        """Keep a few changes on their way, for ever."""
        while True:
            if self.is_writing and self.client.queued < 5:
                film = str(UUID(int=next(self._films)))
                self.added.add(film)
                self.client.add(film)
            await asyncio.sleep(0.05)  # a user's history keeps 10,000 changes, and journal_agrees reads all


@asynccontextmanager
async def apps_at_work(url: str) -> AsyncIterator[list[App]]:
    """Apps of several users that write for the length of the context; at its end nothing of it may be missing."""
    async with AsyncExitStack() as stack:
        apps = [App(url, user, number) for number, user in enumerate(USERS * DEVICES_PER_USER)]
        for app in apps:
            await stack.enter_async_context(app.client)
        writing = [asyncio.create_task(app.go_on_writing()) for app in apps]
        try:
            await more_is_confirmed(apps)
            yield apps
        finally:
            for task in writing:
                task.cancel()
            await asyncio.wait(writing)
        for app in apps:
            async with asyncio.timeout(TIMEOUT_S):
                await app.client.wait_until(lambda app=app: app.confirmed.keys() == app.added)  # type: ignore[misc]
        await everybody_sees_the_same(apps)
        nothing_but_reconnects_surfaced(apps)


async def more_is_confirmed(apps: list[App]) -> None:
    """Tell every app that the network is back, and wait until it has had more confirmed."""
    wanted = [len(app.confirmed) + 10 for app in apps]
    async with asyncio.timeout(TIMEOUT_S):
        for app, enough in zip(apps, wanted, strict=True):
            app.client.connect()
            while len(app.confirmed) < enough:
                await asyncio.sleep(0.01)


async def everybody_sees_the_same(apps: list[App]) -> None:
    """Wait until each user's devices show every film that any of them had confirmed, and nothing else."""
    for user in USERS:
        devices = [app for app in apps if app.user == user]
        films = {film for app in devices for film in app.confirmed}

        def shows_them(client: Client, films: set[str] = films) -> bool:
            return {item.content_id for item in client.items} == films

        for app in devices:
            async with asyncio.timeout(TIMEOUT_S):
                await app.client.wait_until(lambda app=app: shows_them(app.client))  # type: ignore[misc]


def nothing_but_reconnects_surfaced(apps: list[App]) -> None:
    """Check what the apps were told: each write confirmed once, none refused, every end followed by a retry."""
    for app in apps:
        operations = [event.operation_id for event in app.told if isinstance(event, Confirmed)]
        assert len(set(operations)) == len(operations)
        assert not [event for event in app.told if isinstance(event, Refused)]
        assert all(end.retry_in_ms is not None for end in app.ends), app.ends


async def journal_agrees(url: str, apps: list[App], bearer: Bearer) -> None:
    """Check the journal: no gaps, every acknowledged write at its revision, nothing else, nothing twice."""
    async with aiohttp.ClientSession() as http:
        for user in USERS:
            recorded: dict[str, int] = {}
            has_more = True
            while has_more:
                since = f"{url}{WATCHLIST}?since={len(recorded)}"
                async with http.get(since, headers=bearer(user, "auditor")) as response:
                    page = await response.json()
                before = len(recorded)
                recorded |= {change["content_id"]: change["revision"] for change in page["changes"]}
                assert len(recorded) == before + len(page["changes"])
                has_more = page.get("has_more", False)
            assert list(recorded.values()) == list(range(1, len(recorded) + 1))
            assert recorded == {
                film: revision for app in apps if app.user == user for film, revision in app.confirmed.items()
            }
