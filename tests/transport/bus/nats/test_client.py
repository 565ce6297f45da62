"""What a server is shown before TLS, and after."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.fakes.authority import write_certificate
from tests.sockets import free_port
from tests.timeouts import TIMEOUT_S
from tests.transport.bus.conftest import Inbox, NatsEngine, Pipe
from transport.bus.nats.bus import NatsBus
from transport.bus.nats.servers import NatsSettings

Until = Callable[[Callable[[], bool]], Awaitable[None]]


class Eavesdropper:
    """A server that says it has no TLS, and writes down what it is shown."""

    INFO = b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576,"auth_required":true}\r\n'

    def __init__(self) -> None:
        self.port = free_port()
        self.shown: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.INFO)
        self.shown.put_nowait(await reader.read(1000))
        writer.close()


@pytest.fixture
async def eavesdropper() -> AsyncIterator[Eavesdropper]:
    one = Eavesdropper()
    async with await asyncio.start_server(one.answer, "127.0.0.1", one.port):
        yield one


@pytest.mark.parametrize(("scheme", "is_shown"), [("tls", False), ("nats", True)])
async def test_a_password_goes_to_who_has_no_tls_only_if_the_address_does_not_ask_for_it(
    eavesdropper: Eavesdropper, until: Until, scheme: str, is_shown: bool
) -> None:
    bus = NatsBus(NatsSettings(url=f"{scheme}://user:secret@127.0.0.1:{eavesdropper.port}", retry_s=0.05))
    try:
        await bus.start(Inbox().listener())
        async with asyncio.timeout(TIMEOUT_S):
            assert (b"secret" in await eavesdropper.shown.get()) == is_shown
        if not is_shown:
            await until(lambda: "the server has no TLS, which tls:// asks for" in (bus.status() or ""))
    finally:
        await bus.close()


@pytest.mark.integration
@pytest.mark.parametrize("scheme", ["tls", "nats"])
@pytest.mark.parametrize("is_optional", [False, True])
async def test_a_server_that_has_tls_is_spoken_to_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipe: Pipe, scheme: str, is_optional: bool
) -> None:
    certificate, key, settings = tmp_path / "tls.crt", tmp_path / "tls.key", tmp_path / "nats.conf"
    write_certificate(certificate, key)
    settings.write_text(
        f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}\nallow_non_tls: {is_optional}'.lower()
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    engine = NatsEngine("-c", str(settings))
    await engine.resume()
    try:
        pipe.target = engine.port
        bus, _ = await engine.node(url=f"{scheme}://localhost:{pipe.port}")
        await bus.publish("u1", b"1")
        assert (b"PONG" in pipe.passed) == (scheme == "nats" and is_optional)
    finally:
        await engine.close()
