"""Notifies systemd, or whoever set ``NOTIFY_SOCKET``, that the daemon is ready, alive or stopping.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext

from syncd.background import in_background

logger = logging.getLogger(__name__)


@asynccontextmanager
async def supervised(environment: Mapping[str, str]) -> AsyncIterator[None]:
    """Send ``READY`` on entry, ``WATCHDOG`` twice per time-out while inside, ``STOPPING`` on leaving.

    ``WATCHDOG`` is sent from the event loop: if the loop hangs, systemd restarts the daemon. Without
    ``NOTIFY_SOCKET`` nothing happens.
    """
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        yield
        return
    _notify(address, "READY=1")
    interval_s = _watchdog_interval_s(environment)
    try:
        async with nullcontext() if interval_s is None else in_background(_keep_alive(address, interval_s)):
            yield
    finally:
        _notify(address, "STOPPING=1")


async def _keep_alive(address: str, interval_s: float) -> None:
    while True:
        _notify(address, "WATCHDOG=1")
        await asyncio.sleep(interval_s)


def _watchdog_interval_s(environment: Mapping[str, str]) -> float | None:
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):  # meant for our parent
        return None
    timeout_us = environment.get("WATCHDOG_USEC", "")
    is_number = timeout_us.isascii() and timeout_us.isdecimal()
    return int(timeout_us) / 2 / 1_000_000 if is_number and int(timeout_us) else None


def _notify(address: str, state: str) -> None:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)  # the event loop must not wait for systemd
            # A leading @ stands for the zero byte of Linux' abstract namespace.
            sender.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        logger.warning("systemd was not notified of %s: %s", state, error)
