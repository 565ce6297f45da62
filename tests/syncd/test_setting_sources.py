"""Where settings come from: what is set, what is empty, and what is meant by whatever is around it."""

import json
import os
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path

import pytest

from syncd import setting_sources
from syncd.errors import SettingsError
from syncd.setting_sources import load, resolve
from syncd.settings import GROUPS, Settings
from transport.access.signing_keys import MIN_SECRET_BYTES
from transport.access.verification_key import PUBLIC_KEY_ALGORITHMS

PATHS = {"data_dir", "jwt_public_key_file", "tls_certificate_file", "tls_key_file", "unix_socket"}


def test_without_anything_the_defaults_hold() -> None:
    assert load({}, {}) == Settings()


def test_a_flag_is_stronger_than_the_environment_which_is_stronger_than_the_file(tmp_path: Path) -> None:
    file = tmp_path / "syncd.toml"
    file.write_text('host = "file"\nport = 1\nheartbeat_interval = 7\nallowed_origins = ["https://a", "https://b"]\n')
    chosen = load({"config": file, "host": "flag"}, {"SYNCD_HOST": "environment", "SYNCD_PORT": "2"})
    assert (chosen.host, chosen.port, chosen.heartbeat_interval) == ("flag", 2, 7.0)
    assert chosen.allowed_origins == ("https://a", "https://b")


def test_lists_are_comma_separated() -> None:
    chosen = load({"jwt_algorithms": "HS256, HS512"}, {"SYNCD_ALLOWED_ORIGINS": "https://a"})
    assert (chosen.jwt_algorithms, chosen.allowed_origins) == (("HS256", "HS512"), ("https://a",))


def test_parts_of_a_file_s_list_are_taken_as_those_between_commas_are(tmp_path: Path) -> None:
    file = tmp_path / "syncd.toml"
    file.write_text(
        'jwt_algorithms = [" HS256", "HS512 "]\ntrusted_proxies = ["10.0.0.0/8", ""]\nallowed_origins = [" "]\n'
    )
    chosen = load({"config": file}, {})
    assert (chosen.jwt_algorithms, chosen.trusted_proxies) == (("HS256", "HS512"), ("10.0.0.0/8",))
    assert chosen.allowed_origins == Settings().allowed_origins
    file.write_text("trusted_proxies = [10]\n")
    with pytest.raises(SettingsError, match=r"trusted_proxies in .*: Expected `str`, got `int`"):
        load({"config": file}, {})


@pytest.mark.parametrize(
    ("flags", "environment", "said"),
    [
        ({"port": "70000"}, {}, "--port: "),
        ({}, {"SYNCD_PORT": "many"}, "SYNCD_PORT: "),
        ({}, {"SYNCD_HEARTBEAT_INTERVAL": "0"}, "SYNCD_HEARTBEAT_INTERVAL: "),
        ({}, {"SYNCD_MAX_ITEMS_PER_LIST": str(2**64)}, "SYNCD_MAX_ITEMS_PER_LIST: Expected `int` <= "),
        ({"log_level": "loud"}, {}, "--log-level: "),
    ],
)
def test_a_wrong_value_is_told_with_its_source(
    flags: dict[str, object], environment: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        load(flags, environment)


def test_whitespace_around_a_value_is_none_of_it_but_may_be_of_a_jwt_secret(tmp_path: Path) -> None:
    file = tmp_path / "syncd.toml"
    file.write_text('jwt_issuer = " us\\n"')
    environment = {
        "SYNCD_JWT_AUDIENCE": "syncd\n",
        "SYNCD_BUS_KEY": f" {'k' * 32}\r\n",
        "SYNCD_JWT_PUBLIC_KEY_FILE": "key.pem\n",
        "SYNCD_PUBNUB_TLS": "off\n",
        "SYNCD_PORT": " 80\n",
        "SYNCD_JWT_SECRET": "secret\n",
    }
    loaded = load({"config": file}, environment)
    assert (loaded.jwt_issuer, loaded.jwt_audience, loaded.bus_key) == ("us", "syncd", "k" * 32)
    assert (loaded.jwt_public_key_file, loaded.pubnub_tls, loaded.port) == (Path("key.pem"), False, 80)
    assert loaded.jwt_secret == "secret\n"


@pytest.mark.parametrize(("text", "said"), [("hots = 1", "hots"), ("host = ", "syncd.toml"), ("port = 'x'", "port")])
def test_a_wrong_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "syncd.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said):
        load({"config": file}, {})


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_what_is_empty_is_not_set(tmp_path: Path, empty: str) -> None:
    file = tmp_path / "syncd.toml"
    file.write_text(f"host = {json.dumps(empty)}\nport = 1\n")
    nothing = {f"SYNCD_{name.upper()}": empty for name in Settings.__struct_fields__}
    found = resolve({"config": file, "port": empty, "jwt_secret": empty}, nothing)
    assert found.settings == Settings(port=1)
    assert found.sources["port"] == f"port in {file}"
    assert set(found.sources.values()) == {f"port in {file}", "default"}


def test_a_variable_that_is_like_that_of_a_setting_is_known_and_no_other() -> None:
    others = ("SYNCD_TOKEN", "SYNCD_SERVICE_HOST", "SYNCD_PORT_8083_TCP_PORT", "SYNCD_VERSION", "HTTP_PROT", "SYNCD_")
    meant = {"SYNCD_PROT": "SYNCD_PORT", "SYNCD_JWT_SECERT": "SYNCD_JWT_SECRET", "SYNCD_LOGLEVEL": "SYNCD_LOG_LEVEL"}
    found = resolve({}, {"SYNCD_PORT": "1", **dict.fromkeys((*others, *meant), "x")})
    assert found.misspelt == meant


def test_each_value_has_a_source_and_what_was_around_it_is_known(tmp_path: Path) -> None:
    file = tmp_path / "syncd.toml"
    file.write_text("port = 1\n")
    found = resolve({"config": file, "host": "::1"}, {"SYNCD_BUS_KEY": f"{'k' * 32}\n", "SYNCD_BUS": "none"})
    sources = {name: source for name, source in found.sources.items() if source != "default"}
    assert sources == {"host": "--host", "port": f"port in {file}", "bus": "SYNCD_BUS", "bus_key": "SYNCD_BUS_KEY"}
    assert found.stripped == ("bus_key",)


@pytest.mark.parametrize("name", [" a", "a ", "a\tb", "Zo\u00eb", os.fsdecode(b"\xff"), "~", "a\nb", "%41", "'"])
def test_the_value_of_a_path_is_taken_as_it_is_but_for_a_line_end(name: str) -> None:
    for ending in ("", "\r\n"):
        loaded = load({}, {f"SYNCD_{path.upper()}": f"/x/{name}{ending}" for path in PATHS})
        assert {getattr(loaded, path) for path in PATHS} == {Path(f"/x/{name}")}


@pytest.mark.parametrize("name", sorted(set(Settings.__struct_fields__) - PATHS))
def test_what_is_not_utf_8_is_told_with_its_source(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^SYNCD_{name.upper()}: it is not UTF-8$"):
        load({}, {f"SYNCD_{name.upper()}": os.fsdecode(b"\xff")})


def test_a_file_is_utf_8_with_or_without_a_mark_and_else_told(tmp_path: Path) -> None:
    file = tmp_path / "syncd.toml"
    for mark in (b"", b"\xef\xbb\xbf"):
        file.write_bytes(mark + 'jwt_issuer = "Zo\u00eb"\r\n'.encode())
        assert load({"config": file}, {}).jwt_issuer == "Zo\u00eb"
    for wrong in ('jwt_issuer = "Zo\u00eb"'.encode("latin-1"), "port = 1".encode("utf-16"), b'host = "\\u0000"'):
        file.write_bytes(wrong)
        with pytest.raises(SettingsError, match=r"syncd\.toml"):
            load({"config": file}, {})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("log_format", "xml", "it is one of auto, console, json$"),
        ("pubnub_tls", "perhaps", "it is one of on, off$"),
        ("shutdown_timeout", "inf", "Expected a number, not inf$"),
        ("trace_ratio", "nan", "Expected"),
        ("otlp_endpoint", "collector:4318", "--otlp-endpoint: "),
    ],
)
def test_a_wrong_value_is_told_what_is_allowed(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load({name: value}, {})


def test_the_help_has_groups_values_and_units(capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    setting_sources.add_flags(parser)
    parser.print_help()
    printed = " ".join(capsys.readouterr().out.split("options:")[1].split())
    for name in Settings.__struct_fields__:
        assert f" {setting_sources.flag_of(name)} " in printed
    assert GROUPS.keys() <= set(Settings.__struct_fields__)
    for title in GROUPS.values():
        assert f" {title}: --" in printed
    for shown in (
        *("--log-level {debug,info,warning,error}", "--pubnub-tls {on,off}", "--data-dir DIRECTORY", "--port PORT"),
        *("--heartbeat-interval SECONDS", "--max-connections NUMBER", "--jwks-url URL", "--message-burst NUMBER"),
        *MIN_SECRET_BYTES,
        *PUBLIC_KEY_ALGORITHMS,
    ):
        assert shown in printed
    assert "(default: )" not in printed
    defaults = Settings()
    for name in Settings.__struct_fields__:
        if f"{setting_sources.flag_of(name)} NUMBER" in printed:
            assert isinstance(getattr(defaults, name), int | float), name


@pytest.mark.parametrize(
    ("prefix", "is_valid"),
    [("/sync-service", True), ("/a/b_c.d/", True), ("", True), ("/", True), ("sync", False), ("/a?b", False),
     ("//a", False), ("/a b", False)],
)  # fmt: skip
def test_a_path_prefix_is_a_path(prefix: str, is_valid: bool) -> None:
    with nullcontext() if is_valid else pytest.raises(SettingsError, match="--path-prefix"):
        load({"path_prefix": prefix}, {})
