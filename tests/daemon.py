"""A daemon in a process of its own, on a free port: fixtures for a conftest.py to import."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.timeouts import TIMEOUT_S
from transport.access.minting import mint

ROOT = Path(__file__).parents[1]
SECRET = "a secret of the tests, and long enough"
MAX_CONNECTIONS = min(100_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200)
"""As many as this machine lets a process have files: of more it would be warned."""
WATCHLIST = "/api/v1/sync/watchlist"
FILM = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"


class DaemonProcess:
    """One run of ``python -m syncd`` on ``data_dir``, listening when the constructor returns."""

    def __init__(self, data_dir: Path, *flags: str, secret: str | None = SECRET) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.log = data_dir / f"daemon-{uuid4().hex[:6]}.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
        environment["SYNCD_MAX_CONNECTIONS"] = str(MAX_CONNECTIONS)
        if secret is not None:
            environment["SYNCD_JWT_SECRET"] = secret
        with self.log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "syncd", "--port", "0", "--data-dir", str(data_dir), *flags],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        try:
            assert self.process.stdout is not None
            is_in_development = secret is None and not any(flag.startswith(("--jwt-", "--jwks-")) for flag in flags)
            self.welcome = [self.process.stdout.readline().decode() for _ in range(4 if is_in_development else 1)]
            assert " listens on " in self.welcome[0], self.log.read_text()
        except BaseException:  # a time-out, too
            self.kill()
            raise
        self.url = self.welcome[0].split()[-1]

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone; idempotent."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop(self) -> None:
        """SIGTERM, and wait until it is gone: killed, it could not write down which of its code ran."""
        self.process.terminate()
        self.process.wait(TIMEOUT_S)
        self.kill()

    async def terminate(self) -> int:
        """SIGTERM, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait)


StartDaemon = Callable[..., DaemonProcess]

_SHARED = pytest.StashKey[DaemonProcess]()


def token(user: str = "ann", device: str = "phone", ttl_s: int = 3600) -> str:
    """Return a token that the tests' daemons accept."""
    return mint(SECRET, user, device, ttl_s)


def bearer(user: str = "ann", device: str = "phone", ttl_s: int = 3600) -> dict[str, str]:
    """Return the header that lets a device in."""
    return {"Authorization": f"Bearer {token(user, device, ttl_s)}"}


@pytest.fixture
def start_daemon(tmp_path: Path) -> Iterator[StartDaemon]:
    """``start_daemon(*flags, data_dir=…)``: a listening daemon, stopped at the end of the test."""
    daemons: list[DaemonProcess] = []

    def start(*flags: str, data_dir: Path = tmp_path / "data", secret: str | None = SECRET) -> DaemonProcess:
        daemons.append(DaemonProcess(data_dir, *flags, secret=secret))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.stop()


@pytest.fixture(scope="session")
def daemon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DaemonProcess:
    """A daemon that tests share: each has users of its own, and leaves it running.

    It is one however many conftests import it: to pytest each import is a fixture of its own.
    """
    config = request.config
    if _SHARED not in config.stash:
        config.stash[_SHARED] = DaemonProcess(tmp_path_factory.mktemp("daemon"))
        config.add_cleanup(config.stash[_SHARED].stop)
    return config.stash[_SHARED]


@pytest.fixture
def user() -> str:
    """A user nobody else in the session has."""
    return f"user-{uuid4()}"


@pytest.fixture(params=["", "?asgi"], ids=["direct", "asgi"])
def way(request: pytest.FixtureRequest) -> str:
    """Appended to a write's path, it has the protocol answer it, or with a query, which is unusual, the application."""
    way: str = request.param
    return way


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client of whatever the test starts."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def bystander(daemon: DaemonProcess, http: aiohttp.ClientSession, user: str) -> AsyncIterator[ClientConnection]:
    """A well-behaved device, whatever others do: its update comes, at its end nothing else, and no error is logged."""
    async with connect(daemon.ws_url, additional_headers=bearer(user)) as socket:
        yield socket
        body = {"operation": "add", "content_id": FILM}
        async with http.post(daemon.url + WATCHLIST, json=body, headers=bearer(user, "other")) as response:
            assert response.status == 200
        async with asyncio.timeout(TIMEOUT_S):
            assert json.loads(await socket.recv())["revision"] == 1
    said = daemon.log.read_text().splitlines()
    assert [line for line in said if json.loads(line)["level"] not in ("debug", "info")] == []
