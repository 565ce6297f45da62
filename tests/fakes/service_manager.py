"""A service manager that listens, as systemd does."""

import asyncio
import socket
from select import select

from tests.timeouts import TIMEOUT_S


class ServiceManager:
    """The service manager's end of ``NOTIFY_SOCKET``."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(TIMEOUT_S)
        self._socket.bind(address)

    async def hear(self) -> str:
        """Wait for the next message."""
        return (await asyncio.to_thread(self._socket.recv, 4096)).decode()

    def has_more(self) -> bool:
        """Whether a message waits."""
        return bool(select([self._socket], [], [], 0)[0])

    def close(self) -> None:
        self._socket.close()
