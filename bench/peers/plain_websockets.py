"""The ``websockets`` library's own server and ``broadcast()``: what a device sends goes to all devices of its user.

    python -m bench.peers.plain_websockets [PORT]

No tokens, no journal, no revisions, no bound on what a slow device may leave unread.
"""

import sys
from collections import defaultdict
from urllib.parse import parse_qs, urlsplit

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

devices: defaultdict[str, set[ServerConnection]] = defaultdict(set)


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
    async with serve(relay, "127.0.0.1", port, compression=None, backlog=2048) as server:
        print(f"listens on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
