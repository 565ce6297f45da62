"""Connects to whichever address of a host answers first: one may lead nowhere, as IPv6 does in many networks.

The event loops' own way to do so leaves sockets open when it is cancelled, and uvloop has none.

Source: RFC 8305, "Happy Eyeballs Version 2".
"""

import asyncio
import socket
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any, Final

NEXT_AFTER_S: Final = 0.25
"""How long to wait before the next address is tried as well."""


async def connected(host: str, port: int) -> socket.socket:
    """Return a socket that is connected to ``host``.

    Raises:
        OSError: there is no such host, or none of its addresses can be reached.
    """
    untried = deque(_in_turn(await _found(host, port)))
    attempts: list[asyncio.Task[socket.socket]] = []
    winner: asyncio.Task[socket.socket] | None = None
    try:
        while winner is None:
            if untried:
                attempts.append(asyncio.create_task(_connected(*untried.popleft())))
            elif all(attempt.done() for attempt in attempts):
                raise _why([error for attempt in attempts if (error := attempt.exception())])
            running = [attempt for attempt in attempts if not attempt.done()]
            if running:
                timeout_s = NEXT_AFTER_S if untried else None
                await asyncio.wait(running, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            winner = next(filter(_has_socket, attempts), None)
        return winner.result()
    finally:
        for attempt in attempts:
            attempt.cancel()
            if attempt is not winner and _has_socket(attempt):
                attempt.result().close()


def _has_socket(attempt: asyncio.Task[socket.socket]) -> bool:
    return attempt.done() and not attempt.cancelled() and attempt.exception() is None


async def _found(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    """Return what ``getaddrinfo`` says of each address: its family, type, protocol, a name, and the address itself."""
    try:  # an address needs no thread
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _in_turn(found: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the addresses with IPv6 and IPv4 alternating, beginning with the family that came first."""
    by_family: dict[int, list[tuple[Any, ...]]] = {}
    for each in found:
        by_family.setdefault(each[0], []).append(each)
    return [each for each in chain.from_iterable(zip_longest(*by_family.values())) if each is not None]


async def _connected(family: int, kind: int, protocol: int, _name: str, address: Any) -> socket.socket:
    connection = socket.socket(family, kind, protocol)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


def _why(errors: list[BaseException]) -> BaseException:
    if len(errors) == 1:
        return errors[0]
    return OSError("; ".join(dict.fromkeys(map(str, errors))) or "the host has no address")
