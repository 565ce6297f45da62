"""The command line: which command runs, its exit status, and a mistake in one line."""

from pathlib import Path

import pytest

from tests.syncd.command_line import syncd

pytestmark = pytest.mark.integration


def test_the_help_lists_the_commands() -> None:
    done = syncd("--help")
    assert done.returncode == 0
    for command in ("serve", "token", "tail", "load", "broker", "migrate"):
        assert f"\n    {command} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "said"),
    [
        (("serve", "--port", "70000"), {}, 2, "--port"),
        (("serve", "--bus", "pigeon"), {}, 2, "--bus pigeon"),
        (("serve", "--jwks-url", "http://x", "--jwt-public-key-file", "y"), {}, 2, "exclude each other"),
        (("serve", "--jwt-secret", "short"), {}, 2, "jwt-secret must hold at least 32 bytes"),
        (("serve", "--database-url", "mysql://x"), {}, 2, "--database-url: "),
        (("serve", "--database-url", "nonsense"), {}, 2, "--database-url: this is not the URL of a database"),
        (("tail",), {}, 1, "a token is needed"),
        (("tail", "--token", "x", "--url", "http://x"), {}, 1, "token"),
        (("token", "--user", "u", "--device", "d", "--jwks-url", "http://x"), {}, 2, "private key"),
        (
            ("token", "--user", "u", "--device", "d", "--ttl", "a day"),
            {},
            2,
            "--ttl: must be a whole number of seconds",
        ),
    ],
)
def test_wrong_usage_ends_with_one_line_that_names_the_mistake(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], status: int, said: str
) -> None:
    if arguments[0] == "serve":
        arguments = ("serve", "--port", "0", "--data-dir", str(tmp_path), *arguments[1:])
    done = syncd(*arguments, **environment)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("serve",), ("migrate",), ("token", "--user", "u", "--device", "d")])
def test_a_data_directory_that_cannot_be_made_is_told(command: tuple[str, ...]) -> None:
    done = syncd(*command, "--data-dir", "/dev/null/x")
    assert done.returncode == 2
    assert done.stderr == f"syncd {command[0]}: --data-dir /dev/null/x: Not a directory\n"
