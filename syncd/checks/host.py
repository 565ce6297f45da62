"""What this machine gives the daemon: an address, a place to write, open files."""

import json
import resource
import shutil
from pathlib import Path
from tempfile import TemporaryFile

from storage.inspection import sqlite_file
from syncd.checks.results import Checked, Finding, failed, ok, setting, warning
from syncd.checks.timeouts import Unreachable, fetch, in_thread
from syncd.keys.signing import uses_kept_secret
from syncd.server import bind
from syncd.settings import Settings, SettingsError

FREE_BYTES = 1024**3
"""A list of a thousand titles takes about a megabyte."""
OTHER_FILES = 100
"""Open files beside the devices': database, bus, logs, HTTP requests."""


async def check_address(settings: Settings) -> Checked:
    """Listen where the daemon would, for a moment."""
    name = "address"
    try:
        bind(settings).close()
    except SettingsError as error:
        if await in_thread(lambda: _is_syncd(settings)):
            detail = f"a syncd runs on port {settings.port} already"
            return Checked((warning(name, detail, f"stop it before another starts, or choose {setting('port')}"),))
        mend = f"choose an address of this machine and a free port: {setting('host')}, {setting('port')}"
        return Checked((failed(name, str(error), mend),))
    return Checked((ok(name, f"{settings.host} port {settings.port or 'any'} is free"),))


async def check_directory(settings: Settings) -> Checked:
    """Write to each directory that the daemon writes to."""
    return Checked(await in_thread(lambda: tuple(_try(place, source) for place, source in _directories(settings))))


async def check_open_files(settings: Settings) -> Checked:
    """Compare the hard limit, which the daemon raises its own to, with the connections that it may be asked for."""
    name = "open files"
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit != resource.RLIM_INFINITY and limit < settings.max_connections + OTHER_FILES:
        detail = f"{limit} at most, and each of up to {settings.max_connections} connections is one"
        mend = f"raise LimitNOFILE (ulimit -Hn), or lower {setting('max_connections')}"
        return Checked((warning(name, detail, mend),))
    return Checked((ok(name, f"enough for {settings.max_connections} connections"),))


def _is_syncd(settings: Settings) -> bool:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        return bool(json.loads(fetch(f"http://{host}:{settings.port}/health").body)["service"] == "syncd")
    except (Unreachable, ValueError, KeyError, TypeError):
        return False


def _directories(settings: Settings) -> list[tuple[Path, str]]:
    """Return where the daemon writes, with the setting that says so; with PostgreSQL and a key it does not."""
    places = []
    if settings.database_url is None or uses_kept_secret(settings):
        places.append((settings.data_dir, "data_dir"))
    if settings.database_url is not None:
        try:
            file = sqlite_file(settings.database_url)
        except ValueError:  # the database's check says so
            file = None
        if file is not None and file.parent not in [place for place, _ in places]:
            places.append((file.parent, "database_url"))
    return places


def _try(directory: Path, source: str) -> Finding:
    name = "directory"
    path = directory.absolute()
    place = next(ancestor for ancestor in (path, *path.parents) if ancestor.exists())
    try:
        with TemporaryFile(dir=place) as file:  # it has no name that could be left behind
            file.write(bytes(4096))
            file.flush()
        free_bytes = shutil.disk_usage(place).free
    except OSError as error:
        mend = f"give the user that runs syncd a directory that it may write to: {setting(source)}"
        return failed(name, f"{place}: {error.strerror or error}", mend)
    if free_bytes < FREE_BYTES:
        mend = f"make room, or move it: {setting(source)}"
        return warning(name, f"{place} has {free_bytes // 1024**2} MiB left", mend)
    what = "" if place == path else f"{directory} will be made in "
    return ok(name, f"{what}{place}: it can be written to, {free_bytes / 1024**3:.0f} GiB are free")
