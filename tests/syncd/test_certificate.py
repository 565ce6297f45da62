"""The certificate that TLS is served with, on a server that only says hello."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from actors.metrics import ListenerMetrics
from syncd.certificate import Certificate, served_certificate, watching_certificate
from syncd.errors import SettingsError
from syncd.settings import Settings
from tests.fakes.authority import write_certificate
from tests.timeouts import TIMEOUT_S

LOOK_S = 0.01
NOT_USED = "the new certificate is not used, the old one stays"
READ_AGAIN = "the certificate was read again"
ED25519_KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Files:
    def __init__(self, directory: Path) -> None:
        self.certificate, self.key = directory / "tls.crt", directory / "tls.key"
        write_certificate(self.certificate, self.key, "first")
        self.metrics = ListenerMetrics()

    def load(self) -> Certificate:
        return Certificate(self.certificate, self.key, self.metrics)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[str, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect; the value has the name that the certificate is for."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
    assert connection.selected_alpn_protocol() == "http/1.1"
    presented = connection.getpeercert(binary_form=True)
    assert presented is not None
    yield "first" if b"first" in presented else "second", reader, writer
    writer.close()


@asynccontextmanager
async def served(certificate: Certificate) -> AsyncIterator[int]:
    """Echo lines behind ``certificate``; the port."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=certificate.context) as server:
        yield server.sockets[0].getsockname()[1]


async def said_in(log: pytest.LogCaptureFixture, text: str) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while text not in log.text:
            await asyncio.sleep(LOOK_S)


def told(log: pytest.LogCaptureFixture) -> list[str]:
    """Return what was told, without its files: each reason once in a row.

    While files are written they may be looked at: they are half there, or the same ones are read again.
    """
    failures = [message for message in log.messages if NOT_USED in message]
    assert len(failures) == len(set(failures))
    return [what for what, _ in groupby(message.split(":")[0] for message in log.messages)]


async def test_a_new_certificate_is_for_new_connections_and_the_open_ones_go_on(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    certificate = files.load()
    first_ends_s = files.metrics.certificate_ends_s
    assert 89 * 86_400 < first_ends_s - time.time() < 90 * 86_400
    watch = asyncio.create_task(certificate.watch(LOOK_S))
    async with served(certificate) as port, connected(port) as (name, reader, writer):
        assert name == "first"
        write_certificate(files.certificate, files.key, "second", days=30)
        await said_in(caplog, "read again")
        async with connected(port) as (new_name, _, _):
            assert new_name == "second"
        writer.write(b"still here\n")
        assert await asyncio.wait_for(reader.readline(), TIMEOUT_S) == b"still here\n"
    assert files.metrics.certificate_ends_s < first_ends_s
    watch.cancel()


async def test_files_that_do_not_fit_leave_the_old_certificate_in_use_until_they_do(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    certificate = files.load()
    watch = asyncio.create_task(certificate.watch(LOOK_S))
    async with served(certificate) as port:
        new_key = files.key.with_suffix(".new")
        write_certificate(files.certificate, new_key, "second")
        await said_in(caplog, "the key is of another certificate")
        async with connected(port) as (name, _, _):
            assert name == "first"
        new_key.replace(files.key)
        await said_in(caplog, "read again")
        async with connected(port) as (name, _, _):
            assert name == "second"
    assert files.metrics.certificate_failures >= 1
    assert told(caplog) == [NOT_USED, READ_AGAIN]
    watch.cancel()


async def test_files_that_are_gone_are_told_once_and_looked_for(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watch = asyncio.create_task(files.load().watch(LOOK_S))
    files.key.unlink()
    await said_in(caplog, "No such file")
    write_certificate(files.certificate, files.key)
    await said_in(caplog, "read again")
    assert told(caplog) == [NOT_USED, READ_AGAIN]
    watch.cancel()


async def test_a_certificate_that_has_ended_is_told_once_and_so_is_the_next_one(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    write_certificate(files.certificate, files.key, "first", days=-1)
    watch = asyncio.create_task(files.load().watch(LOOK_S))
    await said_in(caplog, "has ended")
    for reads, days in enumerate((-2, 30), start=1):
        write_certificate(files.certificate, files.key, "next", days=days)
        async with asyncio.timeout(TIMEOUT_S):
            while caplog.text.count("read again") < reads:
                await asyncio.sleep(LOOK_S)
    said = [what for what, _ in groupby(what for what in told(caplog) if what != NOT_USED)]  # yet
    ended = "the certificate has ended, clients refuse it"
    assert said == [ended, READ_AGAIN, ended, READ_AGAIN]
    watch.cancel()


async def test_the_key_may_be_in_the_certificates_file(files: Files) -> None:
    files.certificate.write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
    certificate = served_certificate(Settings(tls_certificate_file=files.certificate), files.metrics)
    assert certificate is not None
    async with served(certificate) as port, connected(port) as (name, _, _):
        assert name == "first"


def test_what_cannot_be_used_is_refused_by_its_settings(files: Files, tmp_path: Path) -> None:
    def refusal() -> str:
        with pytest.raises(SettingsError, match=r"^--tls-") as refused:
            files.load()
        return str(refused.value)

    write_certificate(tmp_path / "other.crt", tmp_path / "other.key")
    good_key = files.key.read_bytes()
    files.key.write_bytes((tmp_path / "other.key").read_bytes())
    assert refusal().endswith(f"{files.certificate} and {files.key}: the key is of another certificate")
    files.key.write_bytes(ED25519_KEY)
    assert refusal().endswith(f"{files.certificate} and {files.key}: the key is of another certificate")
    files.key.write_text("no key")
    assert refusal().endswith("they hold no certificate with its key, in PEM")
    files.key.write_bytes(good_key)
    files.certificate.write_text("no certificate")
    assert refusal().endswith("they hold no certificate with its key, in PEM")
    write_certificate(files.certificate, files.key, password=b"secret")
    assert refusal().startswith("--tls-key-file: the key is encrypted")
    files.key.unlink()
    assert refusal() == f"--tls-certificate-file: {files.key}: No such file or directory"


def test_a_key_alone_is_refused_and_nothing_is_no_tls(files: Files) -> None:
    with pytest.raises(SettingsError, match="--tls-certificate-file"):
        served_certificate(Settings(tls_key_file=files.key), files.metrics)
    assert served_certificate(Settings(), files.metrics) is None


async def test_a_certificate_is_watched_for_the_length_of_a_context(files: Files) -> None:
    async with watching_certificate(files.load()):
        assert len(asyncio.all_tasks()) == 2
    async with watching_certificate(None):
        assert len(asyncio.all_tasks()) == 1
