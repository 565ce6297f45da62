"""Whether the replica that lists are read from answers, is one of the journal's database, and keeps up with it."""

from actors.errors import StoreUnavailable
from storage.errors import ReplicaUnavailable
from storage.inspection.replica import ReplicaInspection, inspect_replica
from storage.schema.version import HEAD
from syncd.checks.results import Checked, CheckResult, failed, ok, setting, warning
from syncd.settings import Settings
from transport.loop.blocking_calls import in_thread

NAME = "replica"
_WHERE = setting("database_read_url")


async def check_replica(settings: Settings) -> Checked:
    """Read the replica, if there is one, and compare it with the database."""
    url, replica_url = settings.database_url, settings.database_read_url
    if replica_url is None:
        return Checked(())
    if url is None:
        fix = f"the database itself is {setting('database_url')}"
        return Checked((warning(NAME, f"the journal is in SQLite, and {_WHERE} is no copy of it", fix),))
    return Checked((await in_thread(lambda: _check(url, replica_url)),))


def _check(url: str, replica_url: str) -> CheckResult:
    try:
        return _judge(inspect_replica(url, replica_url))
    except ReplicaUnavailable as error:
        fix = f"is it running, reachable and readable by this user? Until then the database is read: {_WHERE}"
        return warning(NAME, str(error), fix)
    except StoreUnavailable as error:
        return warning(NAME, f"not compared: {error}", f"first see to the database: {setting('database_url')}")
    except ValueError as error:
        return failed(NAME, str(error), f"postgresql://user:password@host/database: {_WHERE}")
    except ImportError as error:
        return failed(NAME, str(error), f"pip install 'syncd[postgresql]', for {_WHERE}")


def _judge(found: ReplicaInspection) -> CheckResult:
    speed = f"answers in {found.round_trip_s * 1000:.1f} ms"
    if found.has_same_epoch is None:
        return ok(NAME, f"{speed}; the database is empty, so there is nothing to compare")
    if not found.has_same_epoch:
        return warning(NAME, "it is not a copy of the database as it is now, and is never read", f"which? {_WHERE}")
    if not found.is_served:
        fix = f"does it follow the database? {_WHERE}"
        return warning(NAME, f"its schema is {found.schema}, and this release reads {HEAD}", fix)
    if found.behind_bytes is None:
        return ok(NAME, f"{speed}, does not say how far it is behind")
    if found.behind_bytes:
        said = f"{speed}, and is still {found.behind_bytes:,} bytes behind after {found.behind_s:.1f} s"
        return warning(NAME, said, f"why is it late? Until it is not, the database is read: {_WHERE}")
    return ok(NAME, f"{speed}, is {found.behind_s:.1f} s behind")
