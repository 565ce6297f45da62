"""The JavaScript client's core, asked from here: what it puts out, keeps and is given from outside."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw
from syncd_client.core import events, outputs
from syncd_client.core.core import CoreDeps, State
from syncd_client.core.outputs import Timer, Transport
from syncd_client.core.token import Token

from simulation.devices import javascript_core, javascript_process
from simulation.devices.javascript_core import JavascriptCore, SendText
from simulation.devices.javascript_process import JavascriptError, NodeMissingError, NodeProcess
from tests.processes import is_running, wait_until_gone
from tests.simulation.javascript import NEEDS_NODE

ROOT = Path(__file__).parents[3]
CONTENT = "0b0e6a4e-52a5-4a5b-9a1f-00000000000a"
NOW_MS = 1_764_000_000_000

pytestmark = [*NEEDS_NODE]


class Outside:
    """Time, chance and names, as a test wants them."""

    def __init__(self) -> None:
        self.replicas = 0
        self.deps = CoreDeps(now_ms=lambda: NOW_MS, random=lambda: 0.5, new_replica=self._new_replica)

    def _new_replica(self) -> str:
        self.replicas += 1
        return f"r{self.replicas}"


@pytest.fixture
def disk() -> dict[str, list[Raw]]:
    return {}


@pytest.fixture
def core(disk: dict[str, list[Raw]]) -> JavascriptCore:
    return JavascriptCore("tv", Outside().deps, disk)


def live(core: JavascriptCore) -> None:
    """Bring it to where its list is up to date."""
    core.sign_in("alice")
    core.token(Token("t1"))
    core.opened()
    core.received(json.dumps({"type": "resumed", "recovered": True, "revision": 0, "epoch": "e1"}))
    assert core.state is State.LIVE


def sent(out: list[Any]) -> list[dict[str, Any]]:
    return [json.loads(output.text) for output in out if isinstance(output, SendText)]


def test_it_asks_for_what_the_python_core_asks_for(core: JavascriptCore) -> None:
    ask = [outputs.AskToken(), outputs.StartTimer(Timer.TOKEN, 20_000)]
    watch = outputs.StartTimer(Timer.SILENCE, 20_000)
    assert core.sign_in("alice") == [*ask, outputs.Emit(events.Updated())]
    assert core.token(Token("t1")) == [
        outputs.StopTimer(Timer.TOKEN),
        outputs.Open(Transport.WEBSOCKET, "/ws?snapshot=pieces&since=0", "t1"),
        watch,
    ]
    assert core.transport is Transport.WEBSOCKET
    assert core.opened() == [watch, outputs.Emit(events.Connected())]
    assert core.heard() == []
    assert core.wake() == [SendText('{"type":"ping"}'), outputs.StartTimer(Timer.SILENCE, 4_000)]
    stop = outputs.StopTimer(Timer.SILENCE)
    waited = outputs.Emit(events.Disconnected(code=1006, retry_in_ms=250, reason="closed with code 1006"))
    assert core.closed(1006, "broken") == [stop, outputs.StartTimer(Timer.RECONNECT, 250), waited]
    assert core.transport is None
    assert core.due(Timer.RECONNECT) == ask
    assert outputs.StartTimer(Timer.RECONNECT, 5000) in core.open_failed("busy", 503, 5)
    assert core.connect() == [outputs.StopTimer(Timer.RECONNECT), *ask]
    assert core.token_failed("asleep")[-1] == outputs.Emit(
        events.Disconnected(code=None, retry_in_ms=250, reason="no token: asleep")
    )
    assert core.disconnect()[:-1] == [outputs.StopTimer(Timer.RECONNECT)]


def test_it_goes_by_a_stream_and_by_polling(core: JavascriptCore) -> None:
    def open_next() -> object:
        core.due(Timer.RECONNECT)
        return core.token(Token("t1"))[1]

    stream = "/api/v1/sync/stream?snapshot=pieces&since=0"
    core.sign_in("alice")
    core.token(Token("t1"))
    core.open_failed("refused", 426, problem="No upgrade.")
    assert open_next() == outputs.Open(Transport.STREAM, stream, "t1")
    core.due(Timer.SILENCE)
    assert open_next() == outputs.Open(Transport.POLLING, f"{stream}&poll=0", "t1")
    core.opened()
    core.received(json.dumps({"type": "resumed", "recovered": True, "revision": 0, "epoch": "e1"}))
    assert core.polled() == [outputs.Open(Transport.POLLING, f"{stream}&epoch=e1&poll=25", "t1")]
    assert core.due(Timer.PROBE) == [outputs.Probe("/ws?snapshot=pieces&since=0&epoch=e1", "t1")]
    assert outputs.StartTimer(Timer.PROBE, 120_000) in core.probed(is_there=False)
    assert core.due(Timer.RENEW)[0] == outputs.AskToken()
    assert outputs.StartTimer(Timer.RENEW, 30_000) in core.token_unusable("a number")


def test_it_says_where_it_stands(core: JavascriptCore) -> None:
    states = [core.state]
    inputs: list[Callable[[], Any]] = [
        partial(core.sign_in, "alice"),
        partial(core.token, Token("t1")),
        core.opened,
        core.disconnect,
    ]
    for put in inputs:
        put()
        states.append(core.state)
    assert states == [State.SIGNED_OUT, State.TOKEN, State.OPENING, State.RESUMING, State.STOPPED]


def test_it_reads_a_token_itself(core: JavascriptCore) -> None:
    core.sign_in("alice")
    core.token(Token("x.eyJzdWIiOiJib2IifQ.x"))  # {"sub":"bob"}
    assert core.state is State.STOPPED


def test_a_write_is_shown_sent_and_kept(core: JavascriptCore, disk: dict[str, list[Raw]]) -> None:
    live(core)
    write, out = core.enqueue("add", CONTENT.upper())
    assert (write.operation_id, write.operation, write.content_id, write.tag, write.observed) == (
        "r1.1",
        "add",
        CONTENT,
        "r1:1",
        0,
    )
    (message,) = sent(out)
    assert message["operation_id"] == "r1.1"
    assert message["timestamp"] == {"physical": NOW_MS, "logical": 0, "node": "r1"}
    assert core.queued == 1
    assert [(item.content_id, item.pending) for item in core.items] == [(CONTENT, True)]

    again = JavascriptCore("tv", Outside().deps, disk)
    live(again)
    assert again.queued == 1
    assert again.enqueue("remove", CONTENT)[0].operation_id == "r1.2"


def test_what_is_only_looked_at_draws_nothing(disk: dict[str, list[Raw]]) -> None:
    outside = Outside()
    core = JavascriptCore("tv", outside.deps, disk)
    core.sign_in("alice")
    drawn = outside.replicas
    assert core.items == ()
    assert outside.replicas == drawn


def test_each_user_has_what_is_its_own(core: JavascriptCore) -> None:
    live(core)
    core.enqueue("add", CONTENT)
    core.sign_in("bob")
    assert core.queued == 0
    core.sign_in("alice")
    assert core.queued == 1


def test_what_was_erased_does_not_come_back(core: JavascriptCore, disk: dict[str, list[Raw]]) -> None:
    live(core)
    core.enqueue("add", CONTENT)
    assert outputs.Emit(events.SignedOut(user_id="alice", erased=True)) in core.sign_out(erase=True)
    again = JavascriptCore("tv", CoreDeps(now_ms=lambda: 0, random=lambda: 0.0, new_replica=lambda: "other"), disk)
    live(again)
    assert again.queued == 0
    assert again.enqueue("add", CONTENT)[0].operation_id == "other.1"


def test_what_the_core_throws_is_raised_with_its_stack(core: JavascriptCore) -> None:
    with pytest.raises(JavascriptError, match="Nobody is signed in"):
        core.enqueue("add", CONTENT)
    core.sign_in("alice")
    with pytest.raises(JavascriptError, match="must be a UUID"):
        core.enqueue("add", "tt0111161")


def test_what_is_sent_must_have_been_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    reversing = """
        const { enqueue } = Core.prototype;
        Core.prototype.enqueue = function (...write) { return enqueue.apply(this, write).reverse(); };
    """
    monkeypatch.setattr(javascript_core, "added_javascript", reversing)
    core = JavascriptCore("tv", Outside().deps, {})
    live(core)
    with pytest.raises(JavascriptError, match="before it is saved"):
        core.enqueue("add", CONTENT)


def test_a_message_may_be_longer_than_a_pipe_holds(core: JavascriptCore) -> None:
    live(core)
    items = [
        {
            "content_id": f"0b0e6a4e-52a5-4a5b-9a1f-{index:012x}",
            "timestamp": {"physical": index, "logical": 0, "node": "é" * 100},
            "device_id": "tv",
        }
        for index in range(5_000)
    ]
    snapshot = {"type": "watchlist_snapshot", "revision": 1, "epoch": "e2", "items": items}
    core.received(json.dumps(snapshot, ensure_ascii=False))
    assert len(core.items) == 5_000
    assert {item.timestamp.node for item in core.items} == {"é" * 100}


def test_a_defect_is_in_the_cores_that_are_made_with_it(monkeypatch: pytest.MonkeyPatch, core: JavascriptCore) -> None:
    monkeypatch.setattr(javascript_core, "added_javascript", "BASE_MS = 2;")
    broken = JavascriptCore("phone", Outside().deps, {})
    for each in (core, broken):
        each.sign_in("alice")
    assert outputs.StartTimer(Timer.RECONNECT, 250) in core.token_failed("asleep")
    assert outputs.StartTimer(Timer.RECONNECT, 1) in broken.token_failed("asleep")


def test_without_node_there_is_no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(javascript_process, "node_process", NodeProcess)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NodeMissingError):
        JavascriptCore("tv", Outside().deps, {})


def test_a_process_that_has_died_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    process = NodeProcess()
    monkeypatch.setattr(javascript_process, "node_process", lambda: process)
    core = JavascriptCore("tv", Outside().deps, {})
    process._process.kill()
    process._process.wait()
    with pytest.raises(JavascriptError, match="node has ended"):
        core.connect()


def test_a_forked_process_has_a_node_of_its_own(core: JavascriptCore) -> None:
    live(core)
    with get_context("fork").Pool(1) as forked:
        assert forked.apply(state_of_a_new_core) == "live"
    assert core.disconnect()


def state_of_a_new_core() -> str:
    core = JavascriptCore("phone", Outside().deps, {})
    live(core)
    assert javascript_process.node_process()._process.poll() is None
    return core.state


@pytest.mark.parametrize("is_killed", [False, True])
def test_node_ends_with_the_process_that_has_started_it(is_killed: bool) -> None:
    program = (
        "import sys\n"
        "from simulation.devices.javascript_process import node_process\n"
        "print(node_process()._process.pid, flush=True)\n"
        "sys.stdin.read()"
    )
    path = f"{ROOT}{os.pathsep}{ROOT / 'clients' / 'python'}"
    starter = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    node = int(starter.stdout.readline())
    assert is_running(node)
    if is_killed:
        starter.kill()
    starter.communicate()
    assert starter.returncode == (-signal.SIGKILL if is_killed else 0)
    wait_until_gone(node)
