"""A start is told what is wrong with it before anything of it is there, and nothing of what is right."""

from pathlib import Path

from syncd.checks.start import run_checks_of_a_start
from syncd.setting_sources import Resolved
from syncd.settings import Settings
from tests.daemon import SECRET


async def test_sound_settings_give_no_line_at_the_start(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, jwt_secret=SECRET, max_connections=100)
    assert await run_checks_of_a_start(Resolved(settings), {}) == []


async def test_what_is_wrong_is_told_on_one_line_without_secrets(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        jwt_secret=SECRET,
        bus="amqp://ann:a-secret@bus\n:5672",
        heartbeat_interval=30.0,
        heartbeat_timeout=30.0,
    )
    results = await run_checks_of_a_start(Resolved(settings), {})
    assert ("configuration", "failed") in [(result.name, result.status) for result in results]
    assert not any("\n" in result.detail or "a-secret" in result.detail for result in results)


async def test_an_issuer_that_is_away_does_not_keep_a_daemon_from_starting(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, jwks_url="https://nowhere.invalid/", jwt_audience="syncd", max_connections=100
    )
    assert await run_checks_of_a_start(Resolved(settings), {}) == []


async def test_a_variable_that_is_no_setting_is_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, jwt_secret=SECRET, max_connections=100)
    (result,) = await run_checks_of_a_start(Resolved(settings, misspelt={"SYNCD_PROT": "SYNCD_PORT"}), {})
    assert (result.status, result.detail) == ("warning", "SYNCD_PROT is no setting, and changes nothing")
