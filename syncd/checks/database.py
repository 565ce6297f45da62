"""Whether the journal's database answers, has this release's tables, and takes writes."""

import time

from actors.ports import StoreUnavailable
from storage.inspection import Inspection, inspect_database, sqlite_file
from storage.schema import HEAD
from syncd.checks.file_modes import others_may_read
from syncd.checks.results import Checked, ClockReading, Finding, failed, ok, setting, warning
from syncd.checks.timeouts import in_thread
from syncd.settings import Settings

NAME = "database"
SOURCE = "the database"
NEWEST = "the newest change in the journal"


async def check_database(settings: Settings) -> Checked:
    """Connect as the daemon does, read, and rehearse a write."""
    return await in_thread(lambda: _check(settings))


def _check(settings: Settings) -> Checked:
    url = settings.journal_url
    where = setting("database_url" if settings.database_url else "data_dir")
    try:
        file = sqlite_file(url)
        if file is not None and not file.exists():
            return Checked((ok(NAME, f"sqlite: the first start makes {file}"),))
        inspection = inspect_database(url)
    except ValueError as error:
        mend = f"postgresql://user:password@host/database, or sqlite:///path: {setting('database_url')}"
        return Checked((failed(NAME, str(error), mend),))
    except ImportError as error:
        return Checked((failed(NAME, str(error), f"pip install 'syncd[postgresql]', for {where}"),))
    except StoreUnavailable as error:
        mend = f"is it running, reachable and writable for this user? {where}"
        return Checked((failed(NAME, str(error), mend),))
    findings = [_schema(inspection, "sqlite" if file else "postgresql")]
    if file is not None and others_may_read(file):
        findings.append(warning(NAME, f"others may read {file}", f"chmod 600 {file}, named by {where}"))
    return Checked(tuple(findings), tuple(_clocks(inspection, settings)))


def _schema(inspection: Inspection, kind: str) -> Finding:
    schema, took = inspection.schema, f"answers in {inspection.round_trip_s * 1000:.1f} ms"
    if schema is None:
        return ok(NAME, f"{kind}: empty, the first start makes the tables; {took}, takes them")
    if schema > HEAD:
        mend = f"run a newer release, or restore the backup from before its first start: {setting('database_url')}"
        return failed(NAME, f"{kind}: schema {schema} is a newer release's, this one knows up to {HEAD}", mend)
    if schema < HEAD:
        mend = f"back up what {setting('database_url')} names; then start, or run 'syncd migrate'"
        return warning(NAME, f"{kind}: the next start brings schema {schema} to {HEAD}, with no way back", mend)
    return ok(NAME, f"{kind}: schema {schema} is current; {took}, takes writes")


def _clocks(inspection: Inspection, settings: Settings) -> list[ClockReading]:
    if inspection.server_ahead_s is not None:
        return [ClockReading(SOURCE, -inspection.server_ahead_s)]
    # Up to the drift allowed, a change in the future proves nothing: some device's clock may have been ahead.
    if inspection.newest_s is not None and inspection.newest_s - time.time() > settings.max_clock_drift:
        return [ClockReading(NEWEST, time.time() - inspection.newest_s)]
    return []
