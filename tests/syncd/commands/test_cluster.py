"""``make cluster``: what it prints works when pasted into a shell, and nothing is left behind."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.timeouts import TIMEOUT_S


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory that everybody may read: PostgreSQL does not run as root, whoever runs the test."""
    directory = Path(tempfile.mkdtemp(prefix="syncd-cluster-"))
    directory.chmod(0o755)
    yield directory / "cluster"
    shutil.rmtree(directory)


@pytest.fixture
async def cluster(data_dir: Path) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "syncd", "cluster", "--port", "0", "--data-dir", str(data_dir)), stdout=PIPE
    )
    yield process
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    await process.communicate()


async def printed(process: Process, last_words: str) -> str:
    """Return what ``process`` prints up to the line that has ``last_words``."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(TIMEOUT_S):
        while last_words not in (lines[-1] if lines else ""):
            line = await process.stdout.readline()
            assert line, lines
            lines.append(line.decode())
    return "".join(lines)


@pytest.mark.integration
async def test_what_is_printed_can_be_pasted_and_sigterm_leaves_nothing_behind(
    cluster: Process, data_dir: Path
) -> None:
    guide = await printed(cluster, "Ctrl-C")
    tail, add, *_ = re.findall(r"^  ((?:SYNCD_TOKEN=|curl ).*?[^\\])$", guide, re.MULTILINE | re.DOTALL)
    # exec: the signal that ends it shall reach the program and not only its shell
    watching = await asyncio.create_subprocess_shell(
        tail.replace(sys.executable, f"exec {sys.executable}"), stdout=PIPE, stderr=STDOUT
    )
    try:
        await printed(watching, "connected to")
        adding = await asyncio.create_subprocess_shell(add, stdout=PIPE)
        answer, _ = await adding.communicate()
        assert json.loads(answer)["revision"] == 1
        assert "by phone" in await printed(watching, json.loads(answer)["content_id"])
    finally:
        if watching.returncode is None:
            watching.send_signal(signal.SIGINT)
        await watching.communicate()

    pids = [int(pid) for pid in re.findall(r" pid (\d+)", guide)]
    assert len(pids) == 3
    os.kill(pids[1], signal.SIGKILL)
    await printed(cluster, "node-b has ended (killed by signal 9)")
    cluster.send_signal(signal.SIGTERM)
    async with asyncio.timeout(TIMEOUT_S):
        assert await cluster.wait() == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not (data_dir / "postgresql" / "data" / "postmaster.pid").exists()


@pytest.mark.integration
async def test_a_port_that_is_taken_is_named_and_nothing_is_left_behind(data_dir: Path) -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with listener:
        port = str(listener.sockets[0].getsockname()[1])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "syncd", "cluster", "--port", port, "--data-dir", str(data_dir)),
            stdout=DEVNULL,
            stderr=PIPE,
        )
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert f"--port {port}".encode() in errors
    assert not (data_dir / "postgresql" / "data" / "postmaster.pid").exists()
