"""HTTP load by ``wrk``, one thread of C: a client in Python would be the limit itself.

wrk asks a script in Lua, written here, for each request. Each connection has one request under way.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from msgspec import Struct

from bench.http_client import get_request, post_request
from bench.lists import add
from bench.programs import WRK, path_of
from bench.servers import WATCHLIST, MeasurementFailed

TIMEOUT_S: Final = 10
"""For an answer; later is an error."""

_NUMBER: Final = "0" * 12
"""Of item 0: the place of a content's number in a request."""
_CURSOR: Final = "&cursor="

_DONE: Final = """
local threads = {}
setup = function(thread) table.insert(threads, thread) end
done = function(summary, latency, _)
  local e = summary.errors
  local deepest = threads[1]:get("deepest") or 0
  io.write(string.format(
    '\\n{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"errors":%d,"refused":%d,"deepest":%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.timeout, e.status, deepest))
end
"""
_POSTS: Final = """
local heads = {%s}
local number = %d
request = function()
  number = number + 1
  return heads[number %% #heads + 1] .. string.format("%%012x", number) .. %s
end
"""
_PAGES: Final = """
local before, after = %s, %s
local cursor, pages = "", 0
deepest = 0
request = function() return before .. cursor .. after end
response = function(_, _, body)
  local following = body:match('"next":"([^"]+)"')
  cursor = following and "&cursor=" .. following or ""
  pages = following and pages + 1 or 0
  deepest = math.max(deepest, pages)
end
"""


class WrkReport(Struct, frozen=True, forbid_unknown_fields=True):
    """What wrk saw. ``p50_ms``, ``p99_ms``: from a request to its answer."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int
    """Connections refused or lost, answers that did not come."""
    refused: int
    """Answers of status 400 and above."""
    deepest: int
    """With ``pages_script``: the last page that was followed by another, counted from the first."""
    load_s: float = 0.0
    """wrk's own CPU time."""

    @property
    def per_second(self) -> float:
        """Requests answered."""
        return self.requests / self.seconds

    @property
    def load_share(self) -> float:
        """The share of a core that wrk used; it has one thread."""
        return self.load_s / self.seconds


class Posts(Struct, frozen=True):
    """POSTs by users in turns, each of a content nobody has added; ``path`` may have ``{user}`` in it."""

    tokens: Sequence[str]
    """One for each user: u0, u1 …"""
    path: str = WATCHLIST

    def script(self, first: int) -> str:
        """Return the script; ``first``: the number of its first content, beyond all that were sent to this server."""
        heads, tail = [], ""
        for user, token in enumerate(self.tokens):
            request = post_request(self.path.format(user=f"u{user}"), add(0).encode(), token).decode()
            head, _, tail = request.rpartition(_NUMBER)
            heads.append(json.dumps(head))
        return _POSTS % (",".join(heads), first, json.dumps(tail))


def pages_script(path: str, token: str) -> str:
    """Return a script that reads the list at ``path`` (with a query) page after page, again and again."""
    before, after = get_request(path + _CURSOR, token).decode().split(_CURSOR)
    return _PAGES % (json.dumps(before), json.dumps(after))


@contextmanager
def loading(port: int, script: str, *, connections: int, seconds: int) -> Iterator[Callable[[], WrkReport]]:
    """Load the server on ``port`` in a process; call what is returned to wait for its end.

    Raises:
        MeasurementFailed: by that call: a request was refused, or not answered.
    """
    with TemporaryDirectory(prefix="bench-wrk-") as directory:
        file = Path(directory, "load.lua")
        file.write_text(script + _DONE)
        command = [str(path_of(WRK)), "--threads", "1", "--connections", str(connections), "--script", str(file)]
        command += ["--duration", f"{seconds}s", "--timeout", f"{TIMEOUT_S}s", f"http://127.0.0.1:{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                yield lambda: _report(process)
            finally:
                process.kill()


def load(port: int, script: str, *, connections: int, seconds: int) -> WrkReport:
    """Load the server on ``port``; return when it is over. Raises: MeasurementFailed."""
    with loading(port, script, connections=connections, seconds=seconds) as report:
        return report()


def _report(process: "subprocess.Popen[str]") -> WrkReport:
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return msgspec.structs.replace(report_of(output), load_s=used.ru_utime + used.ru_stime)


def report_of(output: str) -> WrkReport:
    """Return the report in wrk's output. Raises: MeasurementFailed, there is none, or something failed."""
    line = output.rstrip().rpartition("\n")[2]
    try:
        report = msgspec.json.decode(line, type=WrkReport)
    except msgspec.DecodeError as error:
        raise MeasurementFailed(f"wrk printed no report ({error}): {output[-500:]}") from None
    if report.errors or report.refused or not report.requests:
        raise MeasurementFailed(
            f"of {report.requests:,} requests {report.refused:,} were refused, and {report.errors:,} not answered"
        )
    return report
