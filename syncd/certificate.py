"""The certificate with which the daemon serves TLS: read at the start, and again when its files change."""

import asyncio
import logging
import os
import ssl
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Final

from cryptography import x509

from actors.metrics import ListenerMetrics
from syncd.background import in_background
from syncd.errors import SettingsError
from syncd.settings import Settings
from transport.loop.blocking_calls import in_thread

logger = logging.getLogger(__name__)

LOOK_S: Final = 2.0
"""Between two looks at the files."""

_MISMATCHED: Final = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
"""OpenSSL's reasons for a key of another certificate: of the same type, and of another."""


class Certificate:
    """A certificate and its key. Connections that are open keep the one that they began with.

    Raises:
        SettingsError: the files cannot be used.
    """

    def __init__(self, certificate_file: Path, key_file: Path | None, metrics: ListenerMetrics) -> None:
        self._files = (certificate_file, key_file or certificate_file)
        self._metrics = metrics
        self._seen = self._look()
        self._current, ends_s = _load(*self._files)
        self.context = _load(*self._files)[0]
        """The server's, for ever: it takes the certificate of each handshake from the latest context."""
        self.context.sni_callback = self._choose
        metrics.certificate_ends_s = ends_s
        self._told_end_s = 0.0
        """When the certificate ended whose end was logged last."""

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        # To load into a context in use would leave a new certificate with an old key where the key is not readable.
        connection.context = self._current

    async def watch(self, look_s: float = LOOK_S) -> None:
        """Read the files again when they change, for ever; until they can be used, the old certificate stays."""
        problem = None
        while True:
            await asyncio.sleep(look_s)
            self._tell_end()
            try:
                if not await in_thread(self._reload):
                    continue
            except (SettingsError, OSError) as error:
                if problem != (problem := str(error)):
                    self._metrics.certificate_failures += 1
                    logger.error("the new certificate is not used, the old one stays: %s", problem)
            else:
                problem = None
                logger.info("the certificate was read again: %s", self._files[0])

    def _tell_end(self) -> None:
        """Log that the certificate in use has ended, once."""
        ends_s = self._metrics.certificate_ends_s
        if ends_s != self._told_end_s and ends_s < time.time():
            self._told_end_s = ends_s
            logger.error("the certificate has ended, clients refuse it: %s", self._files[0])

    def _reload(self) -> bool:
        seen = self._look()
        if seen == self._seen:
            return False
        self._current, self._metrics.certificate_ends_s = _load(*self._files)
        self._seen = seen
        return True

    def _look(self) -> list[tuple[int, ...]]:
        try:
            stats = [path.stat() for path in self._files]
        except OSError as error:
            raise SettingsError(f"--tls-certificate-file: {error.filename}: {error.strerror}") from None
        return [(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size) for found in stats]


def served_certificate(settings: Settings, metrics: ListenerMetrics) -> Certificate | None:
    """Return the certificate of the settings; ``None``: TLS is not served.

    Raises:
        SettingsError: its files cannot be used.
    """
    if settings.tls_certificate_file is not None:
        return Certificate(settings.tls_certificate_file, settings.tls_key_file, metrics)
    if settings.tls_key_file is not None:
        raise SettingsError("--tls-key-file: it needs the certificate, too: --tls-certificate-file")
    return None


def watching_certificate(certificate: Certificate | None) -> AbstractAsyncContextManager[None]:
    """Keep ``certificate`` up to date for the length of the context."""
    return nullcontext() if certificate is None else in_background(certificate.watch())


def _load(certificate_file: Path, key_file: Path) -> tuple[ssl.SSLContext, float]:
    """Return a context with the certificate, and when that ends, in seconds since 1970."""
    try:
        text = certificate_file.read_bytes()
        key_file.read_bytes()
    except OSError as error:
        raise SettingsError(f"--tls-certificate-file: {error.filename}: {error.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        ends_s = x509.load_pem_x509_certificate(text).not_valid_after_utc.timestamp()
        context.load_cert_chain(certificate_file, key_file, _refuse_to_ask)
    except (ssl.SSLError, ValueError) as error:
        mismatched = isinstance(error, ssl.SSLError) and error.reason in _MISMATCHED
        what = "the key is of another certificate" if mismatched else "they hold no certificate with its key, in PEM"
        names = " and ".join(dict.fromkeys(map(os.fspath, (certificate_file, key_file))))
        raise SettingsError(f"--tls-certificate-file, --tls-key-file: {names}: {what}") from None
    return context, ends_s


def _refuse_to_ask() -> str:
    raise SettingsError("--tls-key-file: the key is encrypted, and nobody is there to ask: decrypt it (openssl pkey)")
