"""Reads ``text/event-stream``, by the HTML standard's rules for it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from msgspec import Struct

from tests.timeouts import TIMEOUT_S


class Event(Struct, frozen=True):
    """One event, or a comment: its ``name`` is ``:``."""

    name: str
    data: str = ""

    @property
    def content(self) -> Any:
        """What its data say."""
        return json.loads(self.data)


CLOSE = "close"
COMMENT = Event(":")


class EventReader:
    """The events of one answer, as they come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._lines = response.content
        self._name = ""
        self._data: list[str] = []

    async def any(self) -> Event | None:
        """Return the next event or comment; ``None``: the answer has ended."""
        async with asyncio.timeout(TIMEOUT_S):
            while line := (await self._lines.readuntil(b"\n")).decode():
                field, _, value = line.removesuffix("\n").partition(":")
                if field == "data":
                    self._data.append(value.removeprefix(" "))
                elif field == "event":
                    self._name = value.removeprefix(" ")
                elif line.startswith(":"):
                    return COMMENT
                elif line == "\n" and self._data:
                    event = Event(self._name or "message", "\n".join(self._data))
                    self._name, self._data = "", []
                    return event
        return None

    async def next(self) -> Event:
        """Return the next event."""
        while (event := await self.any()) == COMMENT:
            pass
        assert event is not None, "the answer has ended"
        return event

    async def rest(self) -> list[Event]:
        """Return the events up to the end of the answer."""
        return [event async for event in self._until_end() if event != COMMENT]

    async def _until_end(self) -> AsyncIterator[Event]:
        while event := await self.any():
            yield event
