"""Whether the journal's database answers, has this release's schema, and accepts writes."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from actors.errors import StoreUnavailable
from storage.databases.database_url import sqlite_file
from storage.inspection.database import Inspection, inspect_database
from storage.schema.version import HEAD
from syncd.checks.file_modes import others_may_access
from syncd.checks.results import Checked, CheckResult, ClockReading, failed, ok, setting, warning
from syncd.journal_lock import lock_file
from syncd.settings import Settings
from transport.loop.blocking_calls import in_thread

NAME = "database"
SOURCE = "the database"
NEWEST = "the newest change in the journal"


async def check_database(settings: Settings) -> Checked:
    """Connect as the daemon does, read, and try a write that is rolled back."""
    return await in_thread(lambda: _check(settings))


def _check(settings: Settings) -> Checked:
    url = settings.journal_url
    where = setting("database_url" if settings.database_url else "data_dir")
    try:
        file = sqlite_file(url)
        if file is not None and not file.exists():
            return Checked((ok(NAME, f"sqlite: the first start creates {file}"),))
        if file is not None and (wrong := _unusable_lock(lock_file(file))) is not None:
            return Checked((wrong,))
        inspection = inspect_database(url)
    except OSError as error:  # of the file: a directory above it that this user may not search
        return Checked(
            (failed(NAME, f"{file or SOURCE}: {error.strerror or error}", f"is it there for this user? {where}"),)
        )
    except ValueError as error:
        fix = f"postgresql://user:password@host/database, or sqlite:///path: {setting('database_url')}"
        return Checked((failed(NAME, str(error), fix),))
    except ImportError as error:
        return Checked((failed(NAME, str(error), f"pip install 'syncd[postgresql]', for {where}"),))
    except StoreUnavailable as error:
        fix = f"is it running, reachable and writable by this user? {where}"
        return Checked((failed(NAME, str(error), fix),))
    results = [_schema(inspection, "sqlite" if file else "postgresql"), *_content_ids(inspection, settings)]
    if file is not None and others_may_access(file):
        results.append(warning(NAME, f"other users have access to {file}", f"chmod 600 {file}, set by {where}"))
    return Checked(tuple(results), tuple(_clocks(inspection, settings)))


def _unusable_lock(lock: Path) -> CheckResult | None:
    """Open the lock as a daemon would, and leave it alone: another daemon may hold it."""
    try:
        os.close(os.open(lock, os.O_RDWR))
    except FileNotFoundError:
        return None
    except OSError as error:
        fix = f"another user may have run syncd there, give it to the daemon's: chown --reference={lock.parent} {lock}"
        return failed(NAME, f"{lock}: {error.strerror or error}", fix)
    return None


def _schema(inspection: Inspection, kind: str) -> CheckResult:
    schema, speed = inspection.schema, f"answers in {inspection.round_trip_s * 1000:.1f} ms"
    if schema is None:
        return ok(NAME, f"{kind}: empty, the first start creates the tables; {speed}, accepts writes")
    if inspection.is_served and schema != HEAD:
        return ok(NAME, f"{kind}: schema {schema} is of a newer release, and suits this one; {speed}, accepts writes")
    if schema > HEAD:
        fix = f"run a newer release, or restore the backup from before its first start: {setting('database_url')}"
        return failed(NAME, f"{kind}: schema {schema} is from a newer release; this one supports up to {HEAD}", fix)
    if schema < HEAD:
        fix = f"back up the database of {setting('database_url')}; then start, or run 'syncd migrate'"
        return warning(NAME, f"{kind}: the next start migrates schema {schema} to {HEAD}, which cannot be undone", fix)
    return ok(NAME, f"{kind}: schema {schema} is current; {speed}, accepts writes")


def _content_ids(inspection: Inspection, settings: Settings) -> Iterator[CheckResult]:
    if inspection.content_ids == settings.content_ids or inspection.schema is None:
        return
    if inspection.content_ids == "text":
        detail = "contents are named by any text there, and this node would take UUIDs: it does not start"
        yield failed(NAME, detail, f"text is needed: {setting('content_ids')}")
    else:
        detail = "the next start lets contents be named by any text, not by UUIDs alone, which cannot be undone"
        yield warning(NAME, detail, f"stop nodes that take UUIDs, or leave it at uuid: {setting('content_ids')}")


def _clocks(inspection: Inspection, settings: Settings) -> list[ClockReading]:
    if inspection.server_ahead_s is not None:
        return [ClockReading(SOURCE, -inspection.server_ahead_s)]
    # Within the allowed drift a change in the future proves nothing: a device's clock may have been ahead.
    if inspection.newest_s is not None and inspection.newest_s - time.time() > settings.max_clock_drift:
        return [ClockReading(NEWEST, time.time() - inspection.newest_s)]
    return []
