"""The scenarios that every client must pass, driven through the Python core (format: clients/conformance/README.md)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from syncd_client import messages, outputs
from syncd_client.core import Core, CoreDeps, NotSignedInError
from syncd_client.memory_store import MemoryStore
from syncd_client.outputs import Output, Timer
from syncd_client.sqlite_store import SqliteStore
from syncd_client.store import Store
from syncd_client.token import Token

Step = dict[str, Any]
STEPS = {"random": "set_random"}

FILE = json.loads((Path(__file__).parents[3] / "clients/conformance/scenarios.json").read_text())


def named(value: Any) -> Any:
    """Put the file's names in place of ``$NAME``."""
    match value:
        case str() if value.startswith("$"):
            return named(FILE["names"][value[1:]])
        case list():
            return [named(part) for part in value]
        case dict():
            return {key: named(part) for key, part in value.items()}
        case _:
            return value


def has_fields(actual: dict[str, Any], fields: dict[str, Any]) -> bool:
    return all(actual.get(key) == value for key, value in fields.items())


class Runner:
    """A shell without I/O: it keeps what the core puts out until a step asks for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wall_ms = 1_764_000_000_000
        self._now_ms = 0
        self._random = 0.5
        self._replicas = (f"r{number}" for number in range(1, 1000))
        self._start()

    def _start(self) -> None:
        deps = CoreDeps(now_ms=lambda: self._wall_ms, random=lambda: self._random, new_replica=self._new_replica)
        self._core = Core(deps)
        self._due: dict[Timer, int] = {}
        self._events: list[dict[str, Any]] = []
        self._opened: list[outputs.Open] = []
        self._asks = 0
        self.sent: list[dict[str, Any]] = []
        self._closed = False

    def _new_replica(self) -> str:
        return next(self._replicas)

    def run(self, step: Step) -> None:
        key = next(iter(step))
        method: Callable[[Any, Step], None] = getattr(self, f"_{STEPS.get(key, key)}")
        method(step[key], step)

    def _perform(self, out: list[Output]) -> None:
        for output in out:
            match output:
                case outputs.AskToken():
                    self._asks += 1
                case outputs.Open():
                    self._opened.append(output)
                case outputs.Send(message=message):
                    self.sent.append(json.loads(messages.encode(message)))
                case outputs.Close():
                    self._closed = True
                    self._asks = 0
                case outputs.StartTimer(timer=timer, after_ms=after_ms):
                    self._due[timer] = self._now_ms + after_ms
                case outputs.StopTimer(timer=timer):
                    self._due.pop(timer, None)
                case outputs.Save(user_id=user_id, changes=changes):
                    self._store.save(user_id, changes)
                case outputs.Erase(user_id=user_id):
                    self._store.erase(user_id)
                case outputs.Emit(event=event):
                    self._events.append(msgspec.to_builtins(event))

    # What is done

    def _app(self, call: Any, step: Step) -> None:
        if step.get("raises"):
            with pytest.raises((ValueError, NotSignedInError)):
                self._call(call)
        else:
            self._call(call)

    def _call(self, call: Any) -> None:
        core = self._core
        match call:
            case {"sign_in": user_id}:
                self._perform(core.sign_in(user_id, self._store.load(user_id)))
            case {"sign_out": {"erase": erase}}:
                self._perform(core.sign_out(erase=erase))
            case {"add": content_id}:
                self._perform(core.enqueue("add", content_id)[1])
            case {"remove": content_id}:
                self._perform(core.enqueue("remove", content_id)[1])
            case "connect":
                self._perform(core.connect())
            case "disconnect":
                self._perform(core.disconnect())
            case _:
                raise AssertionError(call)

    def _token(self, token: Any, _: Step) -> None:
        assert self._asks, "no token was asked for"
        self._asks = 0
        self._perform(self._core.token(msgspec.convert(token, Token)))

    def _token_failed(self, _: Any, __: Step) -> None:
        assert self._asks, "no token was asked for"
        self._asks = 0
        self._perform(self._core.token_failed("the callback failed"))

    def _open(self, _: Any, __: Step) -> None:
        self._perform(self._core.opened())

    def _open_failed(self, refusal: Any, _: Step) -> None:
        self._perform(self._core.open_failed("refused", refusal.get("status"), refusal.get("retry_after_s", 0)))

    def _server(self, message: Any, _: Step) -> None:
        self._perform(self._core.received(messages.decode(json.dumps(message))))

    def _close(self, code: Any, _: Step) -> None:
        self._asks = 0
        self._perform(self._core.closed(code, "closed"))

    def _clock(self, wall_ms: Any, _: Step) -> None:
        self._wall_ms = wall_ms

    def _advance(self, span_ms: Any, _: Step) -> None:
        until_ms = self._now_ms + span_ms
        while self._due and min(self._due.values()) <= until_ms:
            timer = min(self._due, key=lambda timer: self._due[timer])
            due_ms = self._due.pop(timer)
            self._pass(due_ms - self._now_ms)
            self._perform(self._core.due(timer))
        self._pass(until_ms - self._now_ms)

    def _pass(self, span_ms: int) -> None:
        self._now_ms += span_ms
        self._wall_ms += span_ms

    def _set_random(self, number: Any, _: Step) -> None:
        self._random = number

    def _restart(self, _: Any, __: Step) -> None:
        self._start()

    # What is expected

    def _expect_state(self, state: Any, _: Step) -> None:
        assert self._core.state == state

    def _expect_token(self, is_asked: Any, _: Step) -> None:
        assert bool(self._asks) is is_asked
        assert self._asks <= 1

    def _expect_url(self, url: Any, step: Step) -> None:
        opened, self._opened = self._opened, []
        assert [attempt.target for attempt in opened] == ([] if url is None else [url])
        if "token" in step:
            assert opened[0].token == step["token"]

    def _expect_sent(self, expected: Any, _: Step) -> None:
        sent, self.sent = self.sent, []
        assert len(sent) == len(expected), sent
        for message, fields in zip(sent, expected, strict=True):
            assert has_fields(message, fields), (message, fields)

    def _expect_list(self, expected: Any, _: Step) -> None:
        items: list[dict[str, Any]] = [msgspec.to_builtins(item) for item in self._core.items]
        wanted = [{"content_id": item} if isinstance(item, str) else item for item in expected]
        assert [item["content_id"] for item in items] == [item["content_id"] for item in wanted]
        for item, fields in zip(items, wanted, strict=True):
            assert has_fields(item, fields), (item, fields)

    def _expect_queue(self, length: Any, _: Step) -> None:
        assert self._core.queued == length

    def _expect_event(self, fields: Any, _: Step) -> None:
        while self._events:
            event = self._events.pop(0)
            if event["type"] == fields["type"]:
                assert has_fields(event, fields), (event, fields)
                return
        raise AssertionError(f"no event of type {fields['type']!r}")

    def _expect_no_event(self, kind: Any, _: Step) -> None:
        assert [event for event in self._events if event["type"] == kind] == []

    def _expect_reconnect(self, expected: Any, _: Step) -> None:
        due_ms = self._due.get(Timer.RECONNECT)
        if expected is None:
            assert due_ms is None
            return
        assert due_ms is not None
        left_ms = due_ms - self._now_ms
        assert left_ms == expected.get("in_ms", left_ms)
        assert left_ms <= expected.get("max_ms", left_ms)

    def _expect_closed(self, is_closed: Any, _: Step) -> None:
        was_closed, self._closed = self._closed, False
        assert was_closed is is_closed


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "client.db")
    yield opened
    opened.close()


@pytest.mark.parametrize("scenario", FILE["scenarios"], ids=lambda scenario: scenario["name"])
def test_scenario(scenario: dict[str, Any], store: Store) -> None:
    runner = Runner(store)
    for number, step in enumerate(scenario["steps"], 1):
        try:
            runner.run(named(step))
        except AssertionError as error:
            raise AssertionError(f"step {number}, {json.dumps(step)}: {error}") from error
    assert runner.sent == [], "sent, and not expected"


def test_every_scenario_has_a_name_of_its_own() -> None:
    names = [scenario["name"] for scenario in FILE["scenarios"]]
    assert len(names) == len(set(names))
