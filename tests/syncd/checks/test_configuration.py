"""What is legal in the settings and yet unwise."""

from pathlib import Path
from typing import Any

import pytest

from syncd.checks.configuration import check_configuration
from syncd.setting_sources import Resolved
from syncd.settings import Settings
from tests.daemon import SECRET
from tests.syncd.checks.report import Report

POSTGRESQL = "postgresql://node@db/syncd"
CLUSTER = {"database_url": POSTGRESQL, "bus": "nats://bus:4222", "bus_key": "x" * 32, "jwt_secret": SECRET}
PUBNUB = CLUSTER | {"bus": "pubnub", "pubnub_tls": False}


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        CLUSTER,
        {"host": "0.0.0.0", "jwt_secret": SECRET},
        {"host": "::1"},
        {"allowed_origins": ("https://tv.example", "http://localhost:3000", "null")},
        {"host": "0.0.0.0", "unix_socket": Path("s")},
        {"trusted_proxies": ("10.0.0.0/8", "unix")},
        {"jwks_url": "https://issuer.example/keys", "jwt_audience": "syncd"},
        {"jwks_url": "http://127.0.0.1:1/keys", "jwt_audience": "syncd"},
        PUBNUB | {"pubnub_origin": "localhost:8084"},
    ],
)
def test_sound_settings_are_ok(chosen: dict[str, Any]) -> None:
    assert [result.status for result in check_configuration(Resolved(Settings(**chosen)), {})] == ["ok"]


@pytest.mark.parametrize(
    ("chosen", "status", "setting"),
    [
        ({"host": "0.0.0.0"}, "warning", "jwt_secret"),
        ({"host": "tv.example"}, "warning", "host"),
        ({"allowed_origins": ("tv.example",)}, "failed", "allowed_origins"),
        ({"allowed_origins": ("https://tv.example/",)}, "failed", "allowed_origins"),
        ({"allowed_origins": ("*",)}, "failed", "allowed_origins"),
        ({"allowed_origins": ("https://*.example",)}, "failed", "allowed_origins"),
        ({"jwt_secret": f"{SECRET}\n"}, "warning", "jwt_secret"),
        ({"jwt_secret": SECRET, "jwt_previous_secret": f" {SECRET}"}, "warning", "jwt_previous_secret"),
        ({"jwks_url": "https://issuer.example/keys"}, "warning", "jwt_audience"),
        ({"jwt_public_key_file": Path("key.pem")}, "warning", "jwt_audience"),
        ({"jwks_url": "http://issuer.example/keys", "jwt_audience": "syncd"}, "warning", "jwks_url"),
        ({"database_url": POSTGRESQL}, "warning", "bus"),
        (CLUSTER | {"database_url": None}, "warning", "database_url"),
        (CLUSTER | {"bus_key": None}, "warning", "bus_key"),
        (PUBNUB, "warning", "pubnub_tls"),
        ({"heartbeat_timeout": 59.0}, "warning", "heartbeat_timeout"),
        ({"trusted_proxies": ("proxy.example",)}, "failed", "trusted_proxies"),
        ({"heartbeat_timeout": 30.0}, "failed", "heartbeat_interval"),
    ],
)
def test_one_unwise_setting_is_told_with_what_to_set(chosen: dict[str, Any], status: str, setting: str) -> None:
    (result,) = check_configuration(Resolved(Settings(**chosen)), {})
    assert result.status == status
    assert result.fix is not None
    assert f"--{setting.replace('_', '-')} (SYNCD_{setting.upper()})" in result.fix


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        (CLUSTER, "jwt_secret"),
        (CLUSTER, "bus_key"),
        (CLUSTER | {"bus": "nats://token@bus:4222"}, "bus"),
        (CLUSTER | {"database_url": "postgresql://node:password@db/syncd"}, "database_url"),
    ],
)
def test_a_secret_given_as_a_flag_is_told_without_it(chosen: dict[str, Any], name: str) -> None:
    (result,) = check_configuration(Resolved(Settings(**chosen)), {name: chosen[name], "host": "127.0.0.1"})
    assert result.status == "warning"
    assert name.upper() in str(result.fix)
    assert chosen[name] not in result.detail + str(result.fix)


def test_whitespace_that_was_not_taken_for_a_part_of_a_secret_is_told() -> None:
    stripped = ("bus_key", "database_url", "host", "jwt_issuer", "pubnub_publish_key")
    chosen: dict[str, Any] = CLUSTER | {"database_url": "postgresql://u:pw@db/x"}
    told = check_configuration(Resolved(Settings(**chosen), stripped=stripped), {})
    assert [result.status for result in told] == ["warning"] * 3
    fixes = "".join(str(result.fix) for result in told)
    assert [name for name in stripped if f"(SYNCD_{name.upper()})" in fixes] == [
        "bus_key",
        "database_url",
        "pubnub_publish_key",
    ]


def test_a_variable_that_is_no_setting_is_told_with_the_one_that_is_meant(tmp_path: Path) -> None:
    report = Report("--data-dir", str(tmp_path), SYNCD_JWT_SECERT="x", SYNCD_JWT_SECRET=SECRET)
    (result,) = [one for one in report.results if one["name"] == "configuration"]
    said = ("SYNCD_JWT_SECERT is no setting, and changes nothing", "write SYNCD_JWT_SECRET if that is meant")
    assert (result["status"], result["detail"], result["fix"]) == ("warning", *said)


def test_a_file_with_secrets_that_everybody_may_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "syncd.toml"
    file.touch(0o644)
    (result,) = check_configuration(Resolved(Settings(jwt_secret=SECRET)), {"config": file})
    assert (result.status, result.detail) == ("warning", f"every user of this machine can read {file}")
    file.chmod(0o640)
    assert check_configuration(Resolved(Settings(jwt_secret=SECRET)), {"config": file})[0].status == "ok"
    file.chmod(0o644)
    assert check_configuration(Resolved(Settings()), {"config": file})[0].status == "ok"


@pytest.mark.parametrize("name", ["jwt_secret", "jwt_previous_secret", "bus_key", "pubnub_publish_key"])
@pytest.mark.parametrize(("mark", "is_told"), [("'", True), ('"', True), ("x", False)])
def test_quotation_marks_around_a_secret_are_told(name: str, mark: str, is_told: bool) -> None:
    changes: dict[str, Any] = {name: f"{mark}{SECRET}{mark}"}
    results = check_configuration(Resolved(Settings(**changes)), {})
    told = [result for result in results if "quotation mark" in result.detail]
    assert bool(told) == is_told
    assert all(SECRET not in result.detail for result in told)
