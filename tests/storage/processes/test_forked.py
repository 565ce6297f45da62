"""A task in a fork: whether it was done is known, and nothing else of it is left in the process that asked for it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import storage
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration  # pytest's own process has threads, and must not fork


def run(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    root = Path(storage.__file__).parent.parent
    command = [
        sys.executable,
        "-c",
        f"import sys; from storage.processes.forked import do_in_fork; {program}",
        *arguments,
    ]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=TIMEOUT_S)


def test_what_the_task_did_is_done_and_what_it_imported_is_gone(tmp_path: Path) -> None:
    task = "__import__('colorsys') and open(sys.argv[1], 'w').close()"
    done = run(f"print(do_in_fork(lambda: {task}), 'colorsys' in sys.modules)", str(tmp_path / "done"))
    assert (done.stdout, done.stderr) == ("True False\n", "")
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("task", ["1 / 0", "sys.exit(0)", "__import__('os').abort()"])
def test_a_task_that_does_not_end_well_was_not_done(task: str) -> None:
    assert run(f"print(do_in_fork(lambda: {task}))").stdout == "False\n"


def test_a_task_dies_with_the_process_that_asked_for_it() -> None:
    program = (
        "import time; from storage.processes.forked import do_in_fork\n"
        "do_in_fork(lambda: print('begun', flush=True) or time.sleep(1000))"
    )
    root = Path(storage.__file__).parent.parent
    with subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGKILL)
        assert process.stdout.read() == b""  # nobody has it open any more
