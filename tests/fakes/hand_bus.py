"""A bus that a test answers by hand."""

import asyncio
from typing import Any

import msgspec

from actors.ports import BusFigures, BusListener


class HandBus:
    """A bus whose every answer is the test's: ``calls`` are the publishes under way."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], asyncio.Future[None]]] = []
        self.called = asyncio.Event()

    async def publish(self, user_id: str, payload: bytes) -> None:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.calls.append((user_id, msgspec.json.decode(payload), answer))
        self.called.set()
        await answer

    async def next_call(self) -> tuple[str, dict[str, Any], asyncio.Future[None]]:
        while not self.calls:
            self.called.clear()
            await self.called.wait()
        return self.calls.pop(0)

    async def start(self, listener: BusListener) -> None: ...

    def subscribe(self, user_id: str) -> None: ...

    def unsubscribe(self, user_id: str) -> None: ...

    async def publish_to_devices(self, user_id: str, payload: bytes) -> None:
        await self.publish(user_id, payload)

    async def publish_control(self, payload: bytes) -> None: ...

    def status(self) -> str | None:
        return None

    def figures(self) -> BusFigures:
        return BusFigures()

    async def close(self) -> None: ...
