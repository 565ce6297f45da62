"""A process of Node that runs the JavaScript client's core, and answers each call before anything else happens.

One process serves all worlds of this one. It is started when the first core is made, and ends with this process.
"""

import atexit
import os
import shutil
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, field
from syncd_client.core import events
from syncd_client.core.core import State
from syncd_client.core.outputs import Timer, Transport
from syncd_client.data.device_registers import DeviceItem
from syncd_client.data.hlc import Timestamp
from syncd_client.data.list_view import Item
from syncd_client.data.messages import Action, ListName
from syncd_client.data.progress_registers import ProgressItem

DRIVER: Final = Path(__file__).with_name("javascript_core.mjs")
CHUNK_BYTES: Final = 1 << 16


class NodeMissingError(Exception):
    """There is no Node on this machine, and the JavaScript client is not run without."""


class JavascriptError(Exception):
    """The core has thrown: its stack; or it has put out what may not be."""


def is_node_there() -> bool:
    """Return whether worlds with JavaScript cores can run here."""
    return shutil.which("node") is not None


class AskToken(Struct, tag="ask_token"):
    """Ask the app for a token."""


class Open(Struct, tag="open"):
    """Open a connection."""

    transport: Transport
    target: str
    token: str


class Probe(Struct, tag="probe"):
    """Look whether a WebSocket is to be had."""

    target: str
    token: str


class Send(Struct, tag="send"):
    """Send ``text``, encoded."""

    text: str


class Close(Struct, tag="close"):
    """Close the connection."""


class StartTimer(Struct, tag="start_timer", rename="camel"):
    """Start a timer."""

    timer: Timer
    after_ms: int


class StopTimer(Struct, tag="stop_timer"):
    """Stop it."""

    timer: Timer


class Save(Struct, tag="save", rename="camel"):
    """Keep what has changed of a user's state."""

    user_id: str
    changes: Raw


class Emit(Struct, tag="emit"):
    """Tell the app."""

    event: (
        events.Connected | events.Resumed | events.Updated | events.Confirmed | events.Refused | events.Disconnected
        | events.SignedOut | events.Progress | events.Command
    )  # fmt: skip


Output = AskToken | Open | Probe | Send | Close | StartTimer | StopTimer | Save | Emit


class Write(Struct):
    """What was enqueued, as it is to be sent."""

    operation_id: str
    operation: Action
    content_id: str
    observed: int
    timestamp: Timestamp
    tag: str | None = None
    data: dict[str, Any] | None = None
    position: str | None = None
    list: str | None = None


class CoreAnswer(Struct):
    """What a call has put out, and where the core stands then."""

    outputs: list[Output] = field(default_factory=list)
    state: State = State.SIGNED_OUT
    transport: Transport | None = None
    queued: int = 0
    write: Write | None = None
    lists: list[tuple[Item, ...]] = field(default_factory=list)
    registers: tuple[tuple[ProgressItem, ...], tuple[DeviceItem, ...], tuple[ListName, ...]] = ((), (), ())
    error: str | None = None
    message: str = ""


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(CoreAnswer)


class NodeProcess:
    """Answers one call at a time."""

    def __init__(self) -> None:
        node = shutil.which("node")
        if node is None:
            raise NodeMissingError("a device of this world runs the JavaScript client, and there is no node here")
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([node, str(DRIVER)], stdin=pipe, stdout=pipe, bufsize=0)  # noqa: S603 - ours
        atexit.register(self._end)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def ask(self, call: tuple[Any, ...]) -> CoreAnswer:
        """Return the answer to ``call``; its shape: javascript_core.mjs."""
        line = memoryview(_encoder.encode(call) + b"\n")
        with suppress(BrokenPipeError):  # then there is no answer
            while line:
                line = line[self._stdin.write(line) :]
        answer = bytearray()
        while not answer.endswith(b"\n"):
            chunk = os.read(self._stdout.fileno(), CHUNK_BYTES)
            if not chunk:
                raise JavascriptError(f"node has ended with {self._process.wait()}")
            answer += chunk
        return _decoder.decode(answer)

    def _end(self) -> None:
        self._stdin.close()
        self._process.wait()
        self._stdout.close()


node_process = cache(NodeProcess)
os.register_at_fork(after_in_child=node_process.cache_clear)  # a child that spoke with it, too, would take answers
