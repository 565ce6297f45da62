"""What the daemon needs of this machine: an address, a writable directory, open files."""

import json
import os
import resource
import shutil
import socket
import ssl
from pathlib import Path
from tempfile import TemporaryFile

from storage.databases.database_url import sqlite_file
from syncd.checks.http_answer import fetch
from syncd.checks.results import Checked, CheckResult, failed, ok, setting, warning
from syncd.checks.timeouts import ANSWER_TIMEOUT_S
from syncd.data_dir import uses_data_dir
from syncd.errors import SettingsError, Unreachable
from syncd.listening import bind, is_abandoned
from syncd.settings import Settings
from transport.loop.blocking_calls import in_thread

ENOUGH_BYTES = 1024**3
"""Less is a warning. A list of a thousand titles needs about a megabyte."""
OTHER_FILES = 100
"""Open files other than device connections: database, bus, logs, HTTP requests."""


async def check_address(settings: Settings) -> Checked:
    """Bind the address that the daemon would listen on, and release it."""
    name = "address"
    if (path := settings.unix_socket) is not None:
        return Checked((await in_thread(lambda: _check_path(name, path)),))
    try:
        bind(settings).close()
    except SettingsError as error:
        if await in_thread(lambda: _is_syncd(settings)):
            detail = f"another syncd is running on port {settings.port}"
            fix = f"stop it before you start this one, or choose another port: {setting('port')}"
            return Checked((warning(name, detail, fix),))
        fix = f"set an address of this machine and a free port: {setting('host')}, {setting('port')}"
        return Checked((failed(name, str(error), fix),))
    return Checked((ok(name, f"{settings.host} port {settings.port or 'any'} is free"),))


async def check_directory(settings: Settings, enough_bytes: int = ENOUGH_BYTES) -> Checked:
    """Write a temporary file to each directory that the daemon writes to, and look for ``enough_bytes`` of room."""
    return Checked(
        await in_thread(lambda: tuple(_try(place, source, enough_bytes) for place, source in _directories(settings)))
    )


async def check_open_files(settings: Settings) -> Checked:
    """Compare the hard limit of open files, which the daemon raises its soft limit to, with ``max_connections``."""
    name = "open files"
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    fix = f"raise LimitNOFILE (ulimit -Hn), or lower {setting('max_connections')}"
    if limit != resource.RLIM_INFINITY and limit < OTHER_FILES:
        return Checked((failed(name, f"the limit is {limit}, and the daemon itself needs {OTHER_FILES}", fix),))
    if limit != resource.RLIM_INFINITY and limit < settings.max_connections + OTHER_FILES:
        detail = f"the limit is {limit}, and each of up to {settings.max_connections} connections needs one"
        return Checked((warning(name, detail, fix),))
    return Checked((ok(name, f"enough for {settings.max_connections} connections"),))


def _check_path(name: str, path: Path) -> CheckResult:
    fix = f"set a path in a directory that the user of the daemon can write to: {setting('unix_socket')}"
    try:
        if is_abandoned(path):
            return ok(name, f"{path} was left by a daemon that was killed, and will be replaced")
        bind(Settings(unix_socket=path)).close()
        path.unlink()
    except (SettingsError, OSError) as error:
        if _is_syncd_at(path):
            return warning(name, f"another syncd is running at {path}", "stop it before you start this one")
        return failed(name, str(error), fix)
    return ok(name, f"{path} is free")


def _is_syncd_at(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_TIMEOUT_S)
            client.connect(os.fspath(path))
            client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            return b'"service":"syncd"' in client.makefile("rb").read()
    except OSError:
        return False


def _is_syncd(settings: Settings) -> bool:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if settings.tls_certificate_file is None else "https"
    any_certificate = ssl._create_unverified_context()  # noqa: S323 - it need not be for this address, and nothing is told
    try:
        health = fetch(f"{scheme}://{host}:{settings.port}/health", any_certificate, is_here=True)
        return bool(json.loads(health.body)["service"] == "syncd")
    except (Unreachable, ValueError, KeyError, TypeError):
        return False


def _directories(settings: Settings) -> list[tuple[Path, str]]:
    """Return where the daemon writes, each with its setting; with PostgreSQL and a configured key, nowhere."""
    places = []
    if uses_data_dir(settings):
        places.append((settings.data_dir, "data_dir"))
    if settings.database_url is not None:
        try:
            file = sqlite_file(settings.database_url)
        except ValueError:  # reported by the check of the database
            file = None
        if file is not None and file.parent not in [place for place, _ in places]:
            places.append((file.parent, "database_url"))
    return places


def _try(directory: Path, source: str, enough_bytes: int) -> CheckResult:
    name = "directory"
    path = directory.absolute()
    # lexists: nothing can be created at a link that leads nowhere, such as one to a disk that is not mounted.
    place = next(ancestor for ancestor in (path, *path.parents) if os.path.lexists(ancestor))
    try:
        with TemporaryFile(dir=place) as file:  # it has no name, so nothing can be left behind
            file.write(bytes(4096))
            file.flush()
        free_bytes = shutil.disk_usage(place).free
    except OSError as error:
        fix = f"set a directory that the user of the daemon can write to: {setting(source)}"
        return failed(name, f"{place}: {error.strerror or error}", fix)
    if free_bytes < enough_bytes:
        fix = f"free some space, or choose another directory: {setting(source)}"
        return warning(name, f"{place} has {free_bytes // 1024**2} MiB free", fix)
    what = "" if place == path else f"{directory} will be created in "
    return ok(name, f"{what}{place}: writable, {free_bytes / 1024**3:.0f} GiB free")
