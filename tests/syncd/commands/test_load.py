"""``syncd load``: writes at a steady rate, and a report that leaves nothing out."""

import json
from pathlib import Path

import pytest

from syncd.cli import main
from tests.daemon import SECRET, DaemonProcess
from tests.syncd.command_line import syncd

pytestmark = pytest.mark.integration


def test_load_reports_that_everything_arrived(daemon: DaemonProcess) -> None:
    done = syncd(
        *("load", "--url", daemon.ws_url.removesuffix("/ws"), "--users", "2", "--devices", "2"),
        *("--rate", "100", "--seconds", "0.5", "--json"),
        SYNCD_JWT_SECRET=SECRET,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["writes"], report["expected"], report["missing"]) == (50, 100, 0)
    assert 0 < report["p50_ms"] <= report["p99_ms"]


def test_its_tokens_are_those_that_the_settings_ask_for(tmp_path: Path) -> None:
    settings = ("--jwt-audience", "syncd", "--jwt-issuer", "us", "--jwt-algorithms", "HS384")
    secret = 2 * SECRET
    daemon = DaemonProcess(tmp_path, *settings, secret=secret)
    try:
        done = syncd(
            *("load", "--url", daemon.url, "--users", "1", "--devices", "1", "--rate", "50", "--seconds", "0.02"),
            *settings,
            SYNCD_JWT_SECRET=secret,
        )
    finally:
        daemon.stop()
    assert done.stdout.startswith("1 writes to 1 devices: 1 of 1 arrived"), done.stderr


def test_for_people_the_report_is_one_line(daemon: DaemonProcess) -> None:
    done = syncd(
        *("load", "--url", daemon.ws_url.removesuffix("/ws"), "--users", "1", "--devices", "1"),
        *("--rate", "50", "--seconds", "0.1"),
        SYNCD_JWT_SECRET=SECRET,
    )
    assert done.stdout.startswith("5 writes to 1 devices: 5 of 5 arrived; p50 ")
    assert done.stdout.count("\n") == 1


def test_a_daemon_that_is_not_there_is_told() -> None:
    done = syncd("load", "--url", "ws://127.0.0.1:9", "--timeout", "0.2", SYNCD_JWT_SECRET=SECRET)
    assert done.returncode == 1
    named, failed = done.stderr.splitlines()
    assert named == "the daemon is ws://127.0.0.1:9; its tokens are signed with the secret of SYNCD_JWT_SECRET"
    assert failed.startswith("syncd load: ws://127.0.0.1:9: not every device could connect within 0.2 s: ")
    assert "Connect call failed" in failed


URL_MISTAKE = (
    "--url: must be the service's address, such as https://sync.example.com:"
    " this does not begin with https:// or http://"
)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--users", "0"), "--users: must be above 0, and finite"),
        (("--devices", "-1"), "--devices: must be above 0, and finite"),
        (("--rate", "nan"), "--rate: must be above 0, and finite"),
        (("--rate", "inf"), "--rate: must be above 0, and finite"),
        (("--seconds", "inf"), "--seconds: must be above 0, and finite"),
        (("--timeout", "0"), "--timeout: must be above 0, and finite"),
        (("--url", "localhost"), URL_MISTAKE),
    ],
)
def test_a_load_that_makes_no_sense_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, str], said: str
) -> None:
    assert main(["load", *arguments]) == 2
    assert capsys.readouterr().err == f"syncd load: {said}\n"
