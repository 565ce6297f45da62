from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path

import pytest

from syncd import settings
from syncd.errors import SettingsError
from syncd.settings import Settings, load


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


@pytest.mark.parametrize(
    ("flags", "environment", "said"),
    [
        ({"port": "70000"}, {}, "--port: "),
        ({}, {"SYNCD_PORT": "many"}, "SYNCD_PORT: "),
        ({}, {"SYNCD_HEARTBEAT_INTERVAL": "0"}, "SYNCD_HEARTBEAT_INTERVAL: "),
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


def test_every_setting_has_a_flag_with_a_help_text(capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    settings.add_flags(parser)
    parser.print_help()
    printed = capsys.readouterr().out
    for name in Settings.__struct_fields__:
        assert "--" + name.replace("_", "-") in printed


@pytest.mark.parametrize(
    ("prefix", "is_valid"),
    [("/sync-service", True), ("/a/b_c.d/", True), ("", True), ("/", True), ("sync", False), ("/a?b", False),
     ("//a", False), ("/a b", False)],
)  # fmt: skip
def test_a_path_prefix_is_a_path(prefix: str, is_valid: bool) -> None:
    with nullcontext() if is_valid else pytest.raises(SettingsError, match="--path-prefix"):
        load({"path_prefix": prefix}, {})
