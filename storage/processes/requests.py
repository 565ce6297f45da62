"""What a process of the store does with each request."""

import logging
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO, TypeVar, assert_never

from msgspec import ValidationError

from actors.errors import StatementRefused, StoreUnavailable, ValueRefused
from actors.messages.conversion import snapshot_page
from actors.messages.devices import EndPresence, FindDevices, NotePresence
from actors.messages.journal_reads import PageExpired
from actors.messages.store import (
    BatchCommitted,
    Check,
    CheckWriting,
    CommitBatch,
    Done,
    DropList,
    FindChanges,
    FindHeads,
    FindLists,
    FindPage,
    FindRegister,
    FindRevocations,
    FindSnapshotPage,
    HeadsFound,
    NameList,
    Prepare,
    RevocationsFound,
    RevokeToken,
    StoreAnswer,
    StoreRequest,
)
from actors.ports import JournalStore
from storage.databases.database import Database
from storage.errors import ContentIdsDiffer, SchemaTooNew
from storage.inspection.rehearsal import prove_writable
from storage.journal.commit import compile_ahead
from storage.journal.history import DEFAULT_HISTORY, HistoryLimits
from storage.journal.journal_store import SqlJournalStore
from storage.presence import SqlPresenceStore
from storage.processes.forked import do_in_fork
from storage.processes.wire import LENGTH_BYTES, Failed, Logged, Open, decode_request, encode
from storage.replica import ReplicaReads
from storage.revocations import SqlRevocationStore
from storage.schema.content_ids import agree_on_content_ids
from storage.schema.version import bring_up_to_date, is_up_to_date

R = TypeVar("R")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def serve(connection: socket.socket) -> None:
    """Answer every request that comes over ``connection``, until its other end is closed."""
    store: OpenedStore | Failed | None = None
    logging.basicConfig(handlers=[_ToTheDaemon(connection)], level=logging.WARNING, format="%(message)s")
    with connection.makefile("rb") as stream, suppress(BrokenPipeError, ConnectionResetError):
        for payload in _frames(stream):
            try:
                request = decode_request(payload)
            except ValidationError as error:  # one message is wrong, the next is whole again
                connection.sendall(encode(Failed("value_refused", str(error))))
                continue
            if isinstance(request, Open):
                store = _open(request)
            else:
                assert store is not None, "Open is the first message"
                connection.sendall(_encoded(store if isinstance(store, Failed) else store.answer(request)))
    if isinstance(store, OpenedStore):
        store.close()


class _ToTheDaemon(logging.Handler):
    """Sends each record to the daemon, between two answers, so that there is one log in one format."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        """Send ``record``. Thread: the only one."""
        try:
            self._connection.sendall(encode(Logged(record.name, record.levelno, self.format(record))))
        except OSError:
            self.handleError(record)


class OpenedStore:
    """A database, and what is asked of it.

    Args:
        opening: which database, and how.
        now_ms: the wall clock, milliseconds since 1970.
        timer_s: measures transactions.
        history: how much of it is kept.
        has_threads: whether it may bring SQLite's WAL home on a thread.

    Raises:
        ValueError, ImportError: the URL's, see ``Database``.
    """

    def __init__(
        self,
        opening: Open,
        now_ms: Callable[[], int] = _now_ms,
        timer_s: Callable[[], float] = time.perf_counter,
        history: HistoryLimits = DEFAULT_HISTORY,
        *,
        has_threads: bool = True,
    ) -> None:
        self._now_ms, self._timer_s, self._content_ids = now_ms, timer_s, opening.content_ids
        self._database = Database(
            opening.database_url,
            is_read_only=opening.is_read_only,
            makes_file=opening.makes_file,
            checkpoints_aside=has_threads and not opening.is_read_only,
        )
        self._journal = SqlJournalStore(self._database, now_ms, history, opening.bounds)
        self._revocations = SqlRevocationStore(self._database, lambda: now_ms() / 1000)
        self._presence = SqlPresenceStore(self._database, now_ms)
        self._copy = (
            None if opening.replica_url is None else Database(opening.replica_url, is_read_only=True, makes_file=False)
        )
        self._replica = (
            None if self._copy is None else ReplicaReads(self._journal, SqlJournalStore(self._copy, now_ms, history))
        )

    def answer(self, request: StoreRequest) -> StoreAnswer | Failed:
        """Do what ``request`` asks; whatever it raises is its answer."""
        try:
            return self._do(request)
        except StatementRefused as error:
            return Failed("statement_refused", str(error), traceback.format_exc())
        except StoreUnavailable as error:
            return Failed("unavailable", str(error))
        except ValueRefused as error:
            return Failed("value_refused", str(error))
        except SchemaTooNew as error:
            return Failed("schema_too_new", str(error))
        except ContentIdsDiffer as error:
            return Failed("content_ids_differ", str(error))
        except Exception as error:  # noqa: BLE001 - the asker's to judge, and to log
            return _defect(error)

    def close(self) -> None:
        """Close the database, and its replica."""
        self._database.close()
        if self._copy is not None:
            self._copy.close()

    def _do(self, request: StoreRequest) -> StoreAnswer:
        journal = self._journal
        match request:
            case CommitBatch(operations=operations):
                began_s = self._timer_s()
                outcomes = journal.commit(operations)
                return BatchCommitted(tuple(outcomes), self._timer_s() - began_s, journal.epoch)
            case FindHeads(lines=lines):
                return HeadsFound(tuple(journal.heads(lines)))
            case FindChanges(line=line, revision=revision, limit=limit, epoch=epoch, prefers_list=prefers_list):
                return self._read(
                    line, lambda store: store.changes(line, revision, limit, epoch, prefers_list=prefers_list)
                )
            case FindPage(line=line, limit=limit, after=after, state=state):
                return self._read(line, lambda store: store.page(line, limit, after, state))
            case FindSnapshotPage(line=line, limit=limit, after=after):
                page = self._read(line, lambda store: store.page(line, limit, after))
                return page if isinstance(page, PageExpired) else snapshot_page(page)
            case FindLists(user_id=user_id):
                return journal.lists(user_id)
            case FindRegister(line=line, key=key):
                return journal.register(line, key)
            case NameList(user_id=user_id, list=list_id, name=name):
                return journal.put_list(user_id, list_id, name)
            case DropList(user_id=user_id, list=list_id):
                return journal.delete_list(user_id, list_id)
            case NotePresence():
                return self._presence.note(request)
            case EndPresence(node=node):
                return self._presence.end(node)
            case FindDevices(user_id=user_id):
                return self._presence.devices(user_id)
            case Prepare():
                self._prepare()
                self._database.check_high_water_mark()
            case Check():
                journal.check()
            case CheckWriting():
                prove_writable(self._database, self._now_ms())
            case RevokeToken(token_id=token_id, expires_at=expires_at):
                self._revocations.revoke(token_id, expires_at)
            case FindRevocations(after=version):
                version, tokens = self._revocations.revoked(version)
                return RevocationsFound(version, tuple(tokens))
            case _:
                assert_never(request)
        return Done()

    def _prepare(self) -> None:
        """Bring the schema up to date; Alembic's 10 MB do not stay with this process."""
        if not is_up_to_date(self._database):
            self._database.close()
            do_in_fork(lambda: bring_up_to_date(self._database))
            bring_up_to_date(self._database)  # it is, or this says why not
        agree_on_content_ids(self._database, self._content_ids)
        compile_ahead(self._database.dialect)

    def _read(self, line: str, read: Callable[[JournalStore], R]) -> R:
        return read(self._journal) if self._replica is None else self._replica.read(line, read)


def _open(opening: Open) -> OpenedStore | Failed:
    try:
        return OpenedStore(opening)
    except ValueError as error:
        return Failed("wrong_url", str(error))
    except ImportError as error:
        return Failed("no_driver", str(error))


def _frames(stream: BinaryIO) -> Iterator[bytes]:
    """Yield each whole message until the end."""
    while len(length := stream.read(LENGTH_BYTES)) == LENGTH_BYTES:
        payload = stream.read(int.from_bytes(length, "big"))
        yield payload


def _encoded(answer: StoreAnswer | Failed) -> bytearray:
    try:
        return encode(answer)
    except (OverflowError, TypeError, ValueError) as error:
        return encode(_defect(error))


def _defect(error: Exception) -> Failed:
    """Return the answer for ``error``, which is being handled."""
    return Failed("defect", f"{type(error).__name__}: {error}", traceback.format_exc())
