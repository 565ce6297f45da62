"""One run of a store's process, as the daemon sees it: frames out, answers in, and its end."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from actors.messages.store import StoreAnswer
from storage.processes.wire import Failed, Frames, Logged, decode_answer

READ_BYTES: Final = 1 << 16
SOCKET_BUFFER_BYTES: Final = 1 << 20
REAP_S: Final = 0.02
"""Between two looks whether a killed process is gone: one that hangs in the kernel may take for ever."""


class ChildProcess:
    """``python -m storage.processes.worker``, from its start to its end.

    Thread: the event loop, for every method; none blocks. On Linux the process dies with the thread that started it.

    Args:
        name: its role, for ``ps`` and the log.
        on_answer: called with each answer, in the order asked.
        on_end: called once, with the reason, when it has ended or was killed; nothing is answered after that.

    Raises:
        OSError: it cannot be started now.
    """

    def __init__(
        self, name: str, on_answer: Callable[[StoreAnswer | Failed], None], on_end: Callable[[str], None]
    ) -> None:
        self._on_answer = on_answer
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._frames = Frames()
        self._unsent = bytearray()
        self._ended = asyncio.Event()
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _start(name, theirs)
            except BaseException:
                self._socket.close()
                raise
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        self._loop.add_reader(self._socket, self.receive)
        self._reaping = self._loop.create_task(self._reap())

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def send(self, frame: bytes | bytearray) -> None:
        """Send ``frame`` behind those sent before."""
        if self._ended.is_set():
            return
        if self._unsent:
            self._unsent += frame
            return
        sent = self._try_to_send(frame)
        if sent < len(frame):
            self._unsent += memoryview(frame)[sent:]
            self._loop.add_writer(self._socket, self._send_rest)

    def receive(self) -> None:
        """Take in what has come, without waiting for more."""
        if self._ended.is_set():
            return
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.kill("has ended")
            return
        for payload in self._frames.feed(data):
            try:
                message = decode_answer(payload)
            except ValueError as error:  # the next is whole again
                message = Failed("defect", f"an answer cannot be read: {error}")
            if isinstance(message, Logged):
                logging.getLogger(message.logger).log(message.level, message.text)
            else:
                self._on_answer(message)

    def finish(self) -> None:
        """Ask for nothing more: it ends when it has done what was asked, and then says so by ``on_end``."""
        if not self._ended.is_set():
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def kill(self, reason: str) -> None:
        """End it now; idempotent."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._process.send_signal(signal.SIGKILL)  # which looks first whether it is gone already
        self._on_end(reason)

    async def gone(self) -> None:
        """Return when the process is gone from the system."""
        await asyncio.shield(self._reaping)

    def _try_to_send(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:  # its end is about to be read
            return len(data)

    def _send_rest(self) -> None:
        del self._unsent[: self._try_to_send(self._unsent)]
        if not self._unsent:
            self._loop.remove_writer(self._socket)

    async def _reap(self) -> None:
        await self._ended.wait()
        while self._process.poll() is None:  # noqa: ASYNC110 - a SIGCHLD handler would be for the whole program
            await asyncio.sleep(REAP_S)


def _start(name: str, connection: socket.socket) -> "subprocess.Popen[bytes]":
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SYNCD_")}  # no secrets
    environment["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    descriptor = connection.fileno()
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-P", "-m", "storage.processes.worker", name, str(descriptor), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        env=environment,
        process_group=0,  # a terminal's Ctrl-C is for the daemon, which has something to write yet
    )
