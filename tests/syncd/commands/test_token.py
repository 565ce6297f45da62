"""``syncd token``: what it prints lets a device in."""

import json
from pathlib import Path

import jwt
import pytest
from websockets.asyncio.client import connect

from tests.daemon import SECRET, DaemonProcess
from tests.syncd.command_line import syncd

pytestmark = pytest.mark.integration


async def test_a_minted_token_lets_its_device_in(daemon: DaemonProcess, user: str) -> None:
    done = syncd("token", "--user", user, "--device", "tv", "--json", SYNCD_JWT_SECRET=SECRET)
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
