"""One process per SQLite journal: a lock that ends with the process that holds it, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.databases.database_url import sqlite_file
from syncd.errors import CommandError, SettingsError
from syncd.settings import Settings


@contextmanager
def journal_lock(settings: Settings) -> Iterator[None]:
    """Be the only process on a SQLite journal for the length of the context. PostgreSQL is for several.

    Two daemons on one file would not hear of each other's changes, and a migration would change it under a daemon.

    Raises:
        CommandError: another process has it.
        SettingsError: the journal's directory cannot be written to, or ``database_url`` is no URL.
    """
    flag = "--data-dir" if settings.database_url is None else "--database-url"
    try:
        file = sqlite_file(settings.journal_url)
    except ValueError as error:
        raise SettingsError(f"{flag}: {error}") from error
    if file is None:
        yield
        return
    lock = lock_file(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(lock)
    except OSError as error:
        wrong = lock if os.path.lexists(lock) else lock.parent
        raise SettingsError(f"{flag} {wrong}: {error.strerror or error}") from error
    try:
        _lock(descriptor, f"{flag} {file.parent}")
        yield
    finally:
        os.close(descriptor)  # which unlocks it. The file stays: to lock a removed one would lock out nobody


def lock_file(journal: Path) -> Path:
    """Return what is locked for a SQLite journal: beside the file itself, whichever links lead to it."""
    journal = Path(os.path.realpath(journal))
    return journal.with_name(f"{journal.name}.lock")


def _opened(path: Path) -> int:
    # Python closes it in every program that is started from here, so that none of them keeps the lock.
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _lock(descriptor: int, place: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        process = f" (process {holder})" if holder.isdigit() else ""
        raise CommandError(f"{place}: another syncd{process} uses it") from None
    except OSError as error:
        raise SettingsError(f"{place}: its file system has no locks: {error.strerror or error}") from error
    with suppress(OSError):  # a full disk: the number is for people, the lock is the kernel's
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
