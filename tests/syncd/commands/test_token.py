"""``syncd token``: what it prints lets a device in."""

import json
from itertools import chain
from pathlib import Path

import jwt
import pytest
from websockets.asyncio.client import connect

from syncd.cli import main
from syncd.keys.kept_secret import kept_secret
from tests.daemon import SECRET, DaemonProcess
from tests.syncd.command_line import syncd

pytestmark = pytest.mark.integration


async def test_a_minted_token_lets_its_device_in(daemon: DaemonProcess, user: str) -> None:
    done = syncd("token", "--user", user, "--device", "Ann\u00a0TV 👩\u200d👧", "--json", SYNCD_JWT_SECRET=SECRET)
    minted = json.loads(done.stdout)
    assert minted["user"] == user
    async with connect(daemon.ws_url, additional_headers={"Authorization": f"Bearer {minted['token']}"}):
        pass


def test_the_kept_secret_is_the_daemons_and_none_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["token", "--user", "u", "--device", "d"], ["load"]):
        assert main(command) == 2
        said = (
            f"syncd {command[0]}: no secret is kept in {tmp_path}/syncd-data, where a daemon without a key makes one: "
        )
        assert capsys.readouterr().err.startswith(said)
        assert list(tmp_path.iterdir()) == []
    (tmp_path / "syncd-data").mkdir()
    secret = kept_secret(tmp_path / "syncd-data")
    assert main(["token", "--user", "u", "--device", "d"]) == 0
    printed = capsys.readouterr()
    assert jwt.decode(printed.out.strip(), secret, algorithms=["HS256"])["device_id"] == "d"
    assert printed.err == f"signed with the secret kept in {tmp_path}/syncd-data/jwt-secret\n"


def test_a_secret_is_named_by_its_source_and_signs_without_whitespace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_JWT_SECRET", f"{SECRET}\n")
    assert main(["token", "--user", "u", "--device", "d"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "signed with the secret of SYNCD_JWT_SECRET\n"
    assert jwt.decode(printed.out.strip(), SECRET, algorithms=["HS256"])["sub"] == "u"


@pytest.mark.parametrize(
    ("flag", "name"), [("--device", "a\nb"), ("--user", "\udcff"), ("--device", ""), ("--user", "x" * 129)]
)
def test_what_the_daemon_would_refuse_is_not_minted(flag: str, name: str) -> None:
    names = {"--user": "u", "--device": "d"} | {flag: name}
    done = syncd("token", *chain.from_iterable(names.items()), SYNCD_JWT_SECRET=SECRET)
    rule = "must be 1 to 128 characters, none of them a control character or a lone surrogate"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"syncd token: {flag}: {rule}\n")


@pytest.mark.parametrize("algorithm", ["ES256", "HS999"])
def test_an_algorithm_by_which_no_secret_signs_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    monkeypatch.setenv("SYNCD_JWT_SECRET", SECRET)
    assert main(["token", "--user", "u", "--device", "d", "--jwt-algorithms", algorithm]) == 2
    said = f"--jwt-algorithms must be of HS256, HS384, HS512, not {algorithm}"
    assert capsys.readouterr().err == f"syncd token: {said}\n"


def test_with_a_secret_that_is_too_short_for_the_daemon_none_is_made() -> None:
    done = syncd("token", "--user", "u", "--device", "d", SYNCD_JWT_SECRET="short")
    said = "syncd token: --jwt-secret must hold at least 32 bytes for HS256\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_a_token_has_what_was_asked_for() -> None:
    secret = 2 * SECRET
    done = syncd(
        *("token", "--user", "ops", "--device", "console", "--ttl", "60", "--scope", "syncd:admin", "--json"),
        *("--jwt-audience", "syncd", "--jwt-issuer", "us", "--jwt-algorithms", "HS384"),
        SYNCD_JWT_SECRET=secret,
    )
    said = json.loads(done.stdout)
    claims = jwt.decode(said["token"], secret, algorithms=["HS384"], audience="syncd", issuer="us")
    assert (claims["sub"], claims["device_id"], claims["scope"]) == ("ops", "console", "syncd:admin")
    assert claims["exp"] - claims["iat"] == said["ttl"] == 60
    assert (claims["jti"], said["scope"]) == (said["token_id"], "syncd:admin")
