"""``syncd token``: what it prints lets a device in."""

import json
from itertools import chain
from pathlib import Path

import jwt
import pytest
from websockets.asyncio.client import connect

from syncd.cli import main
from tests.daemon import SECRET, DaemonProcess
from tests.syncd.command_line import syncd

pytestmark = pytest.mark.integration


async def test_a_minted_token_lets_its_device_in(daemon: DaemonProcess, user: str) -> None:
    done = syncd("token", "--user", user, "--device", "Ann\u00a0TV 👩\u200d👧", "--json", SYNCD_JWT_SECRET=SECRET)
    minted = json.loads(done.stdout)
    assert minted["user"] == user
    async with connect(daemon.ws_url, additional_headers={"Authorization": f"Bearer {minted['token']}"}):
        pass


def test_without_a_key_the_first_command_makes_the_data_directory_and_the_secret(tmp_path: Path) -> None:
    data_dir = str(tmp_path / "made" / "later")
    first, second = (syncd("token", "--user", "u", "--device", "d", "--data-dir", data_dir) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    secret = (tmp_path / "made" / "later" / "jwt-secret").read_text().strip()
    for done in (first, second):
        assert jwt.decode(done.stdout.strip(), secret, algorithms=["HS256"])["device_id"] == "d"


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
    said = f"--jwt-algorithms {algorithm}: a secret signs with HS256, HS384, HS512 only"
    assert capsys.readouterr().err == f"syncd token: {said}\n"


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
