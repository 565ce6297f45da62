"""``syncd broker``: only from a checkout, on a port that is free."""

import signal
import socket
import subprocess
import sys

import pytest

from syncd.commands.broker import require_broker
from syncd.errors import CommandError
from tests.daemon import ROOT
from tests.syncd.command_line import syncd


def test_from_a_checkout_there_is_a_broker_and_from_a_wheel_the_error_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_broker()
    monkeypatch.setitem(sys.modules, "pubnub_broker", None)  # as if it were not installed
    with pytest.raises(CommandError, match="run this from a checkout"):
        require_broker()


@pytest.mark.integration
@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", "65536"), ("a..b", "0"), ("\udcff", "0")])
def test_an_address_that_is_none_is_told(host: str, port: str) -> None:
    done = syncd("broker", "--host", host, "--port", port)  # a process: standard error escapes what it cannot print
    assert done.returncode == 1
    said = done.stderr
    assert said.startswith(f"syncd broker: --host {host} --port {port}: ".encode(errors="backslashreplace").decode())
    assert said.count("\n") == 1


@pytest.mark.integration
def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = syncd("broker", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"syncd broker: --host 127.0.0.1 --port {port}: ")
    assert done.stderr.endswith("ddress already in use\n")


@pytest.mark.integration
def test_it_says_where_it_is_and_ctrl_c_ends_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "syncd", "broker", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as broker:
        assert broker.stdout is not None
        assert "is for development and tests" in broker.stdout.readline()
        broker.send_signal(signal.SIGINT)
        broker.communicate()
    assert broker.returncode == 130
