from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.daemon import DaemonProcess


@pytest.fixture
async def api(daemon: DaemonProcess) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the shared daemon, which names paths only."""
    async with aiohttp.ClientSession(daemon.url) as session:
        yield session
