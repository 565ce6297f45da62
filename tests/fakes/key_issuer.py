"""An issuer of keys: a real HTTP server whose answer a test changes while it runs."""

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm


def public_jwk(key: Any, **members: Any) -> dict[str, Any]:
    """Return the public half of a private key as an issuer publishes it, with these members beside it."""
    kinds: Any = {"RSA": RSAAlgorithm, "Ell": ECAlgorithm, "EC": ECAlgorithm, "Ed2": OKPAlgorithm, "Ed4": OKPAlgorithm}
    kind = next(kinds[name] for name in kinds if type(key.public_key()).__name__.startswith(name))
    jwk: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)
    return {name: value for name, value in jwk.items() if name != "key_ops"} | members


class KeyIssuer:
    """Answers every request with ``body``, or not at all; can go away, and come back at the same address."""

    def __init__(self) -> None:
        self.body = b'{"keys": []}'
        self.next_bodies: list[bytes] = []
        """Sent instead, once each."""
        self.status = "200 OK"
        self.headers: dict[str, str] = {}
        self.answers = asyncio.Event()
        """Cleared: requests are taken and not answered."""
        self.answers.set()
        self.requests: list[str] = []
        """Each request's head."""
        self._held: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/keys"

    def publish(self, *jwks: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": jwks}).encode()

    async def start(self) -> None:
        self._let_port_go()
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._held = socket.socket()  # while it is away nobody else gets its port
            self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._held.bind(("127.0.0.1", self._port))

    def _let_port_go(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    async def close(self) -> None:
        self.stop()
        self._let_port_go()
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(request)
            await self.answers.wait()
            status, body = self.status, self.next_bodies.pop(0) if self.next_bodies else self.body
            etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if status == "200 OK" and f"\r\nif-none-match: {etag}\r\n" in request.lower():
                status, body = "304 Not Modified", b""
            headers = {"ETag": etag, "Content-Length": str(len(body)), "Connection": "close", **self.headers}
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):  # whoever asked has given up
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._answering.discard(task)


@asynccontextmanager
async def key_issuer() -> AsyncIterator[KeyIssuer]:
    """An issuer that runs for the length of the context, and publishes nothing yet."""
    issuer = KeyIssuer()
    await issuer.start()
    try:
        yield issuer
    finally:
        await issuer.close()
