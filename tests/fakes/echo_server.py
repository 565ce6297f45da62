"""The service's WebSocket protocol as an echo server, for RFC 6455 suites such as Autobahn's: not part of the service.

python tests/fakes/echo_server.py --port 9001
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from websockets.http11 import Request

sys.path.insert(0, str(Path(__file__).parents[2]))  # a script sees its own directory only

from transport.http.http1.request_limits import RequestLimits
from transport.http.protocol import HttpProtocol
from transport.websocket.protocol import WebSocketProtocol
from transport.wire.frames import frame


def binary_frame(payload: bytes) -> bytes:
    framed = frame(payload)
    return bytes((0x82,)) + framed[1:]


class EchoProtocol(WebSocketProtocol):
    """Lets everybody in and sends every message back."""

    max_message_bytes = 64 << 20

    def handshake_received(self, request: Request) -> None:
        self.accept(None)

    def messages_received(self, messages: list[str | bytes]) -> None:
        for message in messages:
            self.write(frame(message.encode()) if isinstance(message, str) else binary_frame(message))


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 426, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9001)
    arguments = parser.parse_args()
    uvicorn.run(
        app,
        port=arguments.port,
        http=partial(HttpProtocol, RequestLimits()),  # type: ignore[arg-type]  # any callable will do
        ws=EchoProtocol,
        lifespan="off",
        log_level="warning",
    )


if __name__ == "__main__":
    main()
