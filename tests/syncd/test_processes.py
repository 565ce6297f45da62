"""The daemon in whatever process it is started: its user, its environment, its streams, its number, its signals."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.daemon import ROOT, SECRET
from tests.fakes.service_manager import ServiceManager
from tests.processes import store_process
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

NOBODY = 4242
"""A user who has no name and no home."""
AS_NOBODY = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"),  # to reach Python, wherever that is
)
CLOSED_STREAMS = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
DAEMON = (sys.executable, "-m", "syncd", "--port", "0")


@contextmanager
def public_directory() -> Iterator[Path]:
    """A directory that everybody may write to."""
    with tempfile.TemporaryDirectory() as name:  # not below tmp_path, which only its owner can enter
        directory = Path(name)
        directory.chmod(0o777)
        yield directory


def streams_of(pid: int) -> list[str]:
    return [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 1, 2)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_a_user_without_a_name_a_home_an_environment_and_streams_is_served() -> None:
    with public_directory() as directory:
        path = str(directory / "notify")
        manager = ServiceManager(path)
        Path(path).chmod(0o777)
        environment = {"SYNCD_JWT_SECRET": SECRET, "NOTIFY_SOCKET": path, "LC_ALL": "C"}
        command = (*CLOSED_STREAMS, *AS_NOBODY, *DAEMON, "--data-dir", str(directory / "Zoë"))
        daemon = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
        try:
            assert await manager.hear() == "READY=1"
            for pid in (daemon.pid, store_process(daemon.pid, "writer")):
                assert streams_of(pid) == [os.devnull] * 3
            assert (directory / "Zoë" / "journal.db").stat().st_uid == NOBODY
            daemon.send_signal(signal.SIGHUP)
            assert await asyncio.wait_for(daemon.wait(), TIMEOUT_S) == 0
        finally:
            if daemon.returncode is None:
                daemon.kill()
                await daemon.wait()
            manager.close()


def test_the_first_process_of_a_container_stops_and_leaves_nobody_behind(tmp_path: Path) -> None:
    unshare = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
    if (
        shutil.which(unshare[0]) is None
        or subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("this machine makes no namespaces")
    command = (*unshare, *DAEMON, "--data-dir", str(tmp_path))
    environment = {"SYNCD_JWT_SECRET": SECRET}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as outer:
        try:
            assert outer.stdout is not None
            assert b" listens on " in outer.stdout.readline()
            first = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
            assert Path(f"/proc/{first}/status").read_text().split("NSpid:")[1].split()[1] == "1"
            os.kill(first, signal.SIGTERM)
            assert outer.wait(TIMEOUT_S) == 0
        finally:
            outer.kill()


def test_signals_in_any_order_and_number_end_it_as_one_does(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*DAEMON, "--data-dir", str(tmp_path)],
        cwd=ROOT,
        env={"SYNCD_JWT_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as daemon:
        try:
            assert daemon.stdout is not None
            assert daemon.stderr is not None
            assert " listens on " in daemon.stdout.readline()
            ends_s = monotonic() + TIMEOUT_S
            for number in cycle((signal.SIGUSR1, signal.SIGHUP, signal.SIGINT, signal.SIGTERM)):
                if daemon.poll() is not None:
                    break
                assert monotonic() < ends_s
                daemon.send_signal(number)
                sleep(0.02)  # so that its stacks, for each SIGUSR1, fit into the pipe
            assert daemon.returncode == 0
            assert "Traceback" not in daemon.stderr.read()
        finally:
            daemon.kill()


def test_a_signal_in_the_middle_of_the_start_ends_it_without_a_traceback(tmp_path: Path) -> None:
    """An import is held up, so that the signals meet it: one that asks, one that stops."""
    program = (
        "import sys, time\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'syncd.commands.serve':\n"
        "            print('imports', flush=True)\n"
        f"            time.sleep({TIMEOUT_S})\n"
        "sys.meta_path.insert(0, Slow())\n"
        "from syncd.cli import main\n"
        f"sys.exit(main(['--data-dir', {str(tmp_path)!r}]))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env={}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as starting:
        try:
            assert starting.stdout is not None
            assert starting.stderr is not None
            assert starting.stdout.readline() == b"imports\n"
            starting.send_signal(signal.SIGUSR1)
            starting.send_signal(signal.SIGINT)
            assert (starting.wait(TIMEOUT_S), starting.stderr.read()) == (130, b"")
        finally:
            starting.kill()
