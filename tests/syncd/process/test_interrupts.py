import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from syncd.process.interrupts import run
from tests.timeouts import TIMEOUT_S


async def interrupted(done: list[str]) -> None:
    signal.raise_signal(signal.SIGINT)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        done.append("closed")


async def returned() -> int:
    await asyncio.sleep(0)
    return 7


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """Let SIGINT do what it does in Python, and then what it did."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_one_cancels_and_is_told_when_all_is_closed() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run(interrupted(done))
    assert done == ["closed"]


def test_what_is_not_interrupted_returns_and_leaves_the_signal_as_it_was() -> None:
    assert run(returned()) == 7
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_the_signal_goes_on_ignoring_it() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    async def main() -> int:
        signal.raise_signal(signal.SIGINT)
        return await returned()

    assert run(main()) == 7


@pytest.mark.integration
def test_the_second_one_ends_the_process_without_a_word() -> None:
    script = """
import asyncio, signal
from syncd.process.interrupts import run
signal.signal(signal.SIGINT, signal.default_int_handler)
async def main():
    signal.raise_signal(signal.SIGINT)
    try:
        await asyncio.Event().wait()
    finally:
        print("closing", flush=True)
        signal.raise_signal(signal.SIGINT)
        print("went on", flush=True)
run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "closing\n", "")
