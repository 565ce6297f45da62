"""The ``websockets`` library's own server and ``broadcast()``: what a device sends goes to all devices of its user.

    python -m bench.peers.plain_websockets [PORT]

No tokens, no journal, no revisions, no bound on what a slow device may leave unread.

What a connection sends in one turn of the event loop is written as one. uvloop did so by itself up to 0.22; from 0.23
on it writes each message at once, as asyncio does: a system call for each, and with 128 messages for 300 devices under
way three times the CPU time.
"""

import asyncio
import sys
from collections import defaultdict
from urllib.parse import parse_qs, urlsplit

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.protocol import SEND_EOF

devices: defaultdict[str, set[ServerConnection]] = defaultdict(set)


class CorkedConnection(ServerConnection):
    """Gathers what one turn of the event loop sends."""

    _is_corked = False

    def send_data(self) -> None:
        """Called by the library whenever the protocol has data to send."""
        if not self._is_corked:
            self._is_corked = True
            asyncio.get_running_loop().call_soon(self._uncork)

    def _uncork(self) -> None:
        self._is_corked = False
        frames = self.protocol.data_to_send()
        if frames and frames[-1] == SEND_EOF:
            self.transport.write(b"".join(frames))
            self.transport.write_eof()
        else:
            self.transport.write(b"".join(frames))


async def relay(device: ServerConnection) -> None:
    """Serve one device until it goes."""
    assert device.request is not None
    of_user = devices[parse_qs(urlsplit(device.request.path).query)["user"][0]]
    of_user.add(device)
    try:
        async for message in device:
            broadcast(of_user, message)
    except ConnectionClosed:
        pass
    finally:
        of_user.discard(device)


async def main(port: int) -> None:
    """Serve until killed."""
    async with serve(
        relay, "127.0.0.1", port, compression=None, backlog=2048, create_connection=CorkedConnection
    ) as server:
        print(f"listens on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
