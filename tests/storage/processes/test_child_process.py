"""One run of a store's process: what passes between it and the daemon."""

import asyncio
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from actors.errors import StoreDefect
from actors.messages.store import (
    FindPage,
)
from storage.rules.bounds import Bounds
from tests.storage.store_processes import Writes, running

pytestmark = pytest.mark.integration


async def test_requests_and_answers_may_be_larger_than_any_buffer(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url, bounds=Bounds(items_per_list=20_000)) as store:
        operations = tuple(author.add(str(number), device="x" * 100) for number in range(20_000))
        parts = [operations[start : start + 5_000] for start in range(0, len(operations), 5_000)]
        await asyncio.gather(*(store.commit(*part) for part in parts))  # as large requests, one behind the other
        page = await store.client.read(FindPage("ann", 30_000, None))
    assert len(page.items) == 20_000  # type: ignore[union-attr] # it has not expired


async def test_signals_for_the_daemon_do_not_end_its_processes_which_do_not_know_its_secrets(
    sqlite_url: str, author: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_JWT_SECRET", "of the daemon")
    async with running(sqlite_url) as store:
        for pid in store.client.pids().values():
            assert b"of the daemon" not in Path(f"/proc/{pid}/environ").read_bytes()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(pid, number)
            assert os.getpgid(pid) != os.getpgid(0)
        await store.commit(author.add("alien"))
        assert await store.revision() == 1
        assert not store.restarts


async def test_a_row_that_cannot_be_sent_back_is_a_defect_of_its_reader_alone(
    sqlite_url: str, tmp_path: Path, author: Writes
) -> None:
    async with running(sqlite_url) as store:
        await store.commit(author.add("alien"), author.add("alien", user="bob"))
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as connection:
            connection.execute("UPDATE entries SET node = ? WHERE user_id = 'ann'", ("n" * 200,))
        reads = [store.client.read(FindPage(name, 10, None)) for name in ("ann", "bob")]
        with pytest.raises(StoreDefect, match="an answer cannot be read"):
            await reads[0]
        assert (await reads[1]).revision == 1  # type: ignore[union-attr] # it has not expired
        assert not store.restarts
