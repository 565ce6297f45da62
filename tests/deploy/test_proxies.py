"""A daemon with sockets of systemd's, TLS and a path, and who connects to it: curl, openssl, nginx, HAProxy."""

import asyncio
import fcntl
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.daemon import FILM, WATCHLIST, bearer
from tests.deploy.conftest import ROOT, SECRET
from tests.deploy.proxies import HAPROXY, NGINX, program, running
from tests.fakes.authority import write_certificate
from tests.sockets import free_port
from tests.timeouts import TIMEOUT_S

PREFIX = "/sync-service"
HAND_OVER = """
import os, sys
for place, descriptor in enumerate(map(int, sys.argv[1].split(",")), 3):
    os.dup2(descriptor, place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(place - 2))
os.execv(sys.executable, [sys.executable, "-m", "syncd", *sys.argv[2:]])
"""
"""What systemd does before it runs a service."""


class Front(Struct, frozen=True):
    """An address that a client uses, and what it trusts."""

    url: str
    authority: Path

    def curl(self, path: str, *arguments: str) -> str:
        """Return what curl prints."""
        command = [program("curl"), "--silent", "--show-error", "--cacert", str(self.authority), self.url + path]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S).stdout

    def open(self, user: str, origin: str | None = None, **headers: str) -> connect:
        """Return a WebSocket to be opened."""
        extra = bearer(user) | {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.url.replace("https", "wss", 1) + "/ws"
        context = ssl.create_default_context(cafile=str(self.authority))
        return connect(url, additional_headers=extra, origin=origin, ssl=context)  # type: ignore[arg-type]  # a str in all but type


class Daemon(Struct, frozen=True):
    directory: Path
    port: int
    address: str

    @property
    def path(self) -> Path:
        return self.directory / "syncd.sock"

    @property
    def direct(self) -> Front:
        return Front(f"https://localhost:{self.port}", self.directory / "tls.crt")

    def addresses(self, user: str, count: int) -> list[str]:
        """Return where ``count`` audited calls of ``user`` came from; a thread writes the log."""
        ends_s = time.monotonic() + TIMEOUT_S
        while True:
            lines = [json.loads(line) for line in (self.directory / "log").read_text().split("\n")[:-1]]
            found = [line["address"] for line in lines if line.get("by") == user]
            if len(found) >= count:
                return found
            assert time.monotonic() < ends_s, lines
            time.sleep(0.01)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    directory = tmp_path_factory.mktemp("daemon")
    certificate, key = directory / "tls.crt", directory / "tls.key"
    write_certificate(certificate, key)
    flags = ["--data-dir", str(directory / "data"), "--path-prefix", PREFIX, "--trusted-proxies", "unix"]
    flags += ["--tls-certificate-file", str(certificate), "--tls-key-file", str(key)]
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(directory / "syncd.sock"))
        unix.listen()
        passed = [fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 20) for listener in (tcp, unix)]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", HAND_OVER, ",".join(map(str, passed)), *flags],
                cwd=ROOT,
                env={"SYNCD_JWT_SECRET": SECRET},
                pass_fds=passed,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        for descriptor in passed:
            os.close(descriptor)
        port = tcp.getsockname()[1]
    with process:
        assert process.stdout is not None
        try:
            welcome = process.stdout.readline().decode()
            assert " listens on " in welcome, (directory / "log").read_text()
            yield Daemon(directory, port, welcome.partition(" listens on ")[2].strip())
        finally:
            process.terminate()


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def proxy(request: pytest.FixtureRequest, daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A proxy that speaks HTTP/2 with its clients; nginx leaves the path's prefix where it is, HAProxy removes it."""
    directory, port = tmp_path_factory.mktemp(request.param), free_port()
    write_certificate(directory / "tls.crt", directory / "tls.key")
    (directory / "both.pem").write_text((directory / "tls.crt").read_text() + (directory / "tls.key").read_text())
    configuration = directory / "configuration"
    if request.param == "nginx":
        headers = {"For": "$proxy_add_x_forwarded_for", "Proto": "$scheme", "Host": "$http_host"}
        text = NGINX.format(
            directory=directory,
            port=port,
            upstream=f"unix:{daemon.path}",
            location=f"{PREFIX}/",
            pass_to="http://syncd",
            headers="\n".join(f"proxy_set_header X-Forwarded-{name} {value};" for name, value in headers.items()),
        )
        command = [program("nginx"), "-e", "stderr", "-p", str(directory), "-c", str(configuration)]
    else:
        rules = rf"http-request replace-path {PREFIX}(/.*)? \1"
        text = HAPROXY.format(directory=directory, port=port, upstream=daemon.path, rules=rules)
        command = [program("haproxy"), "-db", "-f", str(configuration)]
    configuration.write_text(text)
    with running(command, port, directory / "log"):
        yield Front(f"https://localhost:{port}{PREFIX}", directory / "tls.crt")


def own_origin(front: Front) -> str:
    return front.url.removesuffix(PREFIX)


def write_with_curl(front: Front, user: str, *arguments: str) -> tuple[str, int]:
    """Add a film; returns HTTP's version and the revision."""
    body = json.dumps({"operation": "add", "content_id": FILM})
    sent = ["--header", f"Authorization: {bearer(user, 'other')['Authorization']}", "--data", body]
    answer, _, version = front.curl(WATCHLIST, *sent, *arguments, "--write-out", "\n%{http_version}").rpartition("\n")
    return version, json.loads(answer)["revision"]


async def update_of(device: ClientConnection) -> int:
    async with asyncio.timeout(TIMEOUT_S):
        return int(json.loads(await device.recv())["revision"])


async def status_of(front: Front, origin: str, **headers: str) -> int:
    try:
        async with front.open("ann", origin, **headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_the_operators_page_and_what_it_names_are_there_below_the_prefix(proxy: Front) -> None:
    named = set(re.findall(r'(?:href|src)="([^"#]+)"', proxy.curl("/admin")))
    assert len(named) > 3
    for name in named:
        assert proxy.curl(f"/{name}", "--output", os.devnull, "--write-out", "%{http_code}") == "200", name


def test_the_daemon_says_where_it_listens(daemon: Daemon) -> None:
    assert daemon.address == f"https://127.0.0.1:{daemon.port} and unix:{daemon.path}"


async def test_a_write_by_http_2_reaches_a_websocket_through_the_proxy(proxy: Front, user: str) -> None:
    async with proxy.open(user, own_origin(proxy)) as device:
        assert write_with_curl(proxy, user, "--http2") == ("2", 1)
        assert await update_of(device) == 1
        assert write_with_curl(proxy, user, "--http1.1")[0] == "1.1"


async def test_pages_of_the_address_that_browsers_see_may_connect_through_the_proxy(proxy: Front) -> None:
    own = own_origin(proxy)
    assert await status_of(proxy, own.upper()) == 101
    assert await status_of(proxy, own.replace("https", "http")) == 403
    assert await status_of(proxy, "https://localhost") == 403


def test_what_a_client_claims_of_its_address_is_not_logged(proxy: Front, daemon: Daemon, user: str) -> None:
    token = bearer(user)["Authorization"]
    for claim in ("X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6"):
        proxy.curl("/api/v1/admin/stats", "--header", f"Authorization: {token}", "--header", claim)
    assert daemon.addresses(user, 2) == ["127.0.0.1"] * 2


async def test_who_is_no_trusted_proxy_is_not_believed(daemon: Daemon, user: str) -> None:
    claims = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https", "Forwarded": "host=evil.example"}
    assert await status_of(daemon.direct, "https://evil.example", **claims) == 403
    assert await status_of(daemon.direct, daemon.direct.url) == 101
    token = bearer(user)["Authorization"]
    daemon.direct.curl("/api/v1/admin/stats", "-H", f"Authorization: {token}", "-H", "X-Forwarded-For: 6.6.6.6")
    assert daemon.addresses(user, 1) == ["127.0.0.1"]


def test_curl_reaches_the_unix_socket_with_the_prefix_and_without(daemon: Daemon, user: str) -> None:
    by_path = ["--unix-socket", str(daemon.path)]
    assert write_with_curl(Front("http://syncd", daemon.path), user, *by_path) == ("1.1", 1)
    assert write_with_curl(Front(f"http://syncd{PREFIX}", daemon.path), user, *by_path)[0] == "1.1"


def test_openssl_verifies_the_connection(daemon: Daemon) -> None:
    address = ["-connect", f"127.0.0.1:{daemon.port}", "-alpn", "h2,http/1.1", "-verify_return_error"]
    checked = subprocess.run(
        [program("openssl"), "s_client", *address, "-CAfile", str(daemon.direct.authority)],
        input="GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert "Verify return code: 0 (ok)" in checked.stdout, checked.stderr
    assert "ALPN protocol: http/1.1" in checked.stdout


async def test_a_renewed_certificate_is_served_while_devices_stay(daemon: Daemon, user: str) -> None:
    async with daemon.direct.open(user) as device:
        write_certificate(daemon.directory / "tls.crt", daemon.directory / "tls.key")
        async with asyncio.timeout(TIMEOUT_S):
            while "service" not in daemon.direct.curl("/health"):  # it trusts the new one only
                await asyncio.sleep(0.05)
        assert write_with_curl(daemon.direct, user) == ("1.1", 1)
        assert await update_of(device) == 1
