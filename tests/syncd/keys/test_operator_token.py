"""What an operator is told to get a token with; that the command works is tested on the page."""

import shlex
from pathlib import Path

from syncd.keys.operator_token import operator_token_help
from syncd.settings import Settings

SCOPE = ["--scope", "syncd:admin"]


def test_in_development_the_command_has_all_that_the_daemon_was_given(tmp_path: Path) -> None:
    directory = tmp_path / "it's here"
    settings = Settings(data_dir=directory, jwt_algorithms=("HS512",), jwt_audience="our apps", jwt_issuer="us")
    command = shlex.split(operator_token_help(settings).command or "")
    assert command[8:] == [
        *SCOPE,
        *("--data-dir", str(directory), "--jwt-algorithms", "HS512"),
        *("--jwt-audience", "our apps", "--jwt-issuer", "us"),
    ]


def test_a_relative_data_directory_is_found_from_everywhere() -> None:
    command = shlex.split(operator_token_help(Settings(data_dir=Path("data"))).command or "")
    assert Path(command[-1]) == Path.cwd() / "data"


def test_in_production_nothing_of_the_settings_is_told() -> None:
    secret = "a secret of the tests, and long enough"
    told = operator_token_help(Settings(jwt_secret=secret, jwt_audience="our apps", data_dir=Path("/srv/syncd")))
    assert shlex.split(told.command or "")[8:] == SCOPE
    assert "settings of the daemon" in told.text


def test_without_a_secret_no_command_makes_one() -> None:
    told = operator_token_help(Settings(jwks_url="https://issuer.example/keys"))
    assert told.command is None
    assert "private" in told.text
    assert "syncd:admin" in told.text
