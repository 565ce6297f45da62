"""``syncd config``: the effective settings with their sources, and none of their secrets."""

import json
import tomllib
from pathlib import Path

import pytest

from syncd.cli import main
from syncd.settings import Settings

SECRET = "not to be shown, whatever is asked for"
PASSWORD = "hunter2"


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Settings from everywhere; returns the flags."""
    file = tmp_path / "syncd.toml"
    file.write_text('heartbeat_interval = 7\nallowed_origins = ["https://tv.example"]\n')
    for name, value in {
        "JWT_SECRET": SECRET,
        "BUS": f"nats://u:{PASSWORD}@bus:4222",
        "BUS_KEY": f" {SECRET}",
        "DATABASE_URL": f"postgresql://u:{PASSWORD}@db/syncd?password={PASSWORD}",
        "JWKS_URL": f"https://u:{PASSWORD}@issuer/keys",
        "LOG_LEVEL": "",
    }.items():
        monkeypatch.setenv(f"SYNCD_{name}", value)
    return ["--config", str(file), "--port", "9"]


def test_it_is_toml_with_the_sources_and_without_the_secrets(
    chosen: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", *chosen]) == 0
    printed = capsys.readouterr().out
    assert tomllib.loads(printed)["database_url"] == "postgresql://u:***@db/syncd?password=***"
    assert f"heartbeat_interval = 7.0  # heartbeat_interval in {chosen[1]}\n" in printed
    assert 'jwt_secret = "***"  # SYNCD_JWT_SECRET\n' in printed
    assert "port = 9  # --port\n" in printed
    assert 'log_level = "info"  # default\n' in printed
    assert "# otlp_endpoint: not set" in printed
    assert SECRET not in printed
    assert PASSWORD not in printed


def test_for_programs_it_is_json(chosen: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--json", *chosen]) == 0
    printed = capsys.readouterr().out
    said = {setting["name"]: setting for setting in json.loads(printed)}
    assert list(said) == list(Settings.__struct_fields__)
    assert said["bus_key"] == {"name": "bus_key", "value": "***", "source": "SYNCD_BUS_KEY"}
    assert said["otlp_endpoint"] == {"name": "otlp_endpoint", "value": None, "source": "default"}
    assert SECRET not in printed
    assert PASSWORD not in printed
