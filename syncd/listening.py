"""Where the daemon listens: an address, a unix socket, or the sockets that systemd has opened for it.

Source: sd_listen_fds(3).
"""

import logging
import os
import socket
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from syncd.errors import SettingsError
from syncd.settings import Settings

logger = logging.getLogger(__name__)

BACKLOG: Final = 2048

FIRST_DESCRIPTOR: Final = 3
"""The first of those that systemd hands over."""
EVERYBODY: Final = 0o666
"""Mode of a unix socket: as with an address of this machine, a token admits. Its directory may be closed to others."""


@contextmanager
def listening(settings: Settings, environment: Mapping[str, str]) -> Iterator[Sequence[socket.socket]]:
    """Listen for the length of the context, on systemd's sockets if there are any, else where the settings say.

    Raises:
        SettingsError: that is not possible.
    """
    if handed_over := activated_sockets(environment):
        yield handed_over
        return
    with bind(settings) as listener:
        if listener.family != socket.AF_UNIX:
            yield [listener]
            return
        path = Path(listener.getsockname())
        made = path.stat()
        try:
            yield [listener]
        finally:
            with suppress(FileNotFoundError):
                if os.path.samestat(made, path.stat()):  # else another daemon has taken its place
                    path.unlink()


def activated_sockets(environment: Mapping[str, str], first: int = FIRST_DESCRIPTOR) -> list[socket.socket]:
    """Return the sockets that systemd has opened for this process; none if they are for another one.

    Raises:
        SettingsError: one of them is not a stream socket that listens.
    """
    pid, count = environment.get("LISTEN_PID", ""), environment.get("LISTEN_FDS", "")
    if not count.isdecimal():
        return []
    if pid != str(os.getpid()):
        logger.warning("systemd has opened sockets for process %s, not for this one: start it without a shell", pid)
        return []
    return [_activated(descriptor) for descriptor in range(first, first + int(count))]


def _activated(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)  # the store's processes have no use for it
        listener = socket.socket(fileno=descriptor)
        if listener.type == socket.SOCK_STREAM and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return listener
        listener.close()
    except OSError:  # it is none at all
        pass
    wanted = "is no socket that listens for streams: the unit needs ListenStream= and Accept=no"
    raise SettingsError(f"LISTEN_FDS: descriptor {descriptor} {wanted}")


def bind(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say.

    Raises:
        SettingsError: the address cannot be had.
    """
    if settings.unix_socket is not None:
        return _bind_path(settings.unix_socket)
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        # Resolved first: bind() itself forgets the zone of a link-local address.
        found = socket.getaddrinfo(settings.host, settings.port, listener.family, listener.type)
        listener.bind(found[0][4])
    except (OSError, UnicodeError) as error:  # the latter of a name that no host can have
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"--host {settings.host} --port {settings.port}: {reason}") from None
    listener.listen(BACKLOG)
    return listener


def _bind_path(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        if is_abandoned(path):
            path.unlink()
        listener.bind(os.fspath(path))
        path.chmod(EVERYBODY)
    except OSError as error:
        listener.close()
        raise SettingsError(f"--unix-socket {path}: {error.strerror or error}") from None
    listener.listen(BACKLOG)
    return listener


def is_abandoned(path: Path) -> bool:
    """Return whether ``path`` is a socket that nobody listens on: of a daemon that was killed. Raises: OSError."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            client.connect(os.fspath(path))
    except (FileNotFoundError, BlockingIOError):  # the second: somebody listens, and is busy
        return False
    except ConnectionRefusedError:
        return True
    return False


def address_of(listener: socket.socket, *, is_tls: bool) -> str:
    """Return how to name where ``listener`` listens: a URL, or ``unix:`` and a path. A path is never behind TLS."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(listener.getsockname())}"
    host, port = listener.getsockname()[:2]
    scheme = "https" if is_tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
