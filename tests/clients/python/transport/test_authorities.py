"""The system's authorities are read once for many connections, and again after a while."""

import asyncio
import ssl
import threading
from pathlib import Path

import pytest
from syncd_client import Client, State
from syncd_client.transport import authorities
from syncd_client.transport.authorities import KEPT_S
from websockets.asyncio.server import ServerConnection, serve

from tests.fakes.authority import write_certificate
from tests.timeouts import TIMEOUT_S


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """Each context that is made, from none that is kept on."""
    made: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def create_and_note() -> ssl.SSLContext:
        made.append(create())
        return made[-1]

    monkeypatch.setattr(authorities, "_kept", authorities._Kept())
    monkeypatch.setattr(ssl, "create_default_context", create_and_note)
    return made


async def test_many_clients_of_one_process_read_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[ssl.SSLContext]
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_certificate(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def answer(socket: ServerConnection) -> None:
        await socket.send('{"type":"resumed","recovered":true,"revision":0,"epoch":"e"}')
        await socket.wait_closed()

    async with serve(answer, "127.0.0.1", 0, ssl=context) as server, asyncio.timeout(TIMEOUT_S):
        port = server.sockets[0].getsockname()[1]
        clients = [Client(f"https://localhost:{port}") for _ in range(10)]
        for number, client in enumerate(clients):
            client.sign_in(f"user {number}", lambda: "a-token")
        for client in clients:
            await client.wait_until(lambda client=client: client.state is State.LIVE)  # type: ignore[misc]
            await client.close()
    assert len(reads) == 1


def test_what_was_installed_meanwhile_is_known_after_a_while(
    monkeypatch: pytest.MonkeyPatch, reads: list[ssl.SSLContext]
) -> None:
    now_s = 5.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    first = authorities.authorities()
    now_s += KEPT_S - 1
    assert authorities.authorities() is first
    now_s += 1
    assert authorities.authorities() is not first
    assert len(reads) == 2


def test_no_two_threads_share_a_context(reads: list[ssl.SSLContext]) -> None:
    """A library that sets something in it frees what another thread may be reading."""
    found = [authorities.authorities()]
    thread = threading.Thread(target=lambda: found.append(authorities.authorities()))
    thread.start()
    thread.join()
    assert found == reads
    assert len(reads) == 2
