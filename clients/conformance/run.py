#!/usr/bin/env python3
"""Runs the scenarios through a client of any language: ``python run.py --exec "node drivers/javascript.mjs"``.

It needs Python 3.11 and nothing else. README.md says what a driver is.
"""

import argparse
import contextlib
import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol, Self

SCENARIOS: Final = Path(__file__).with_name("scenarios.json")
START_MS: Final = 1_764_000_000_000
INPUTS: Final = frozenset(
    {
        *("app", "token", "token_failed", "token_unusable", "open", "open_failed", "server", "close"),
        *("heard", "polled", "probed"),
    }
)
"""Steps that are put into the core as they are."""

ANSWER_S: Final = 10.0
"""How long a driver may take for a line."""

Json = dict[str, Any]


class ScenarioError(Exception):
    """The client does something else than the scenario says."""


class DriverError(Exception):
    """The driver has ended, or said what no driver says."""


class Driver(Protocol):
    """A client's core with its storage, clock and random numbers in the runner's hand."""

    def ask(self, question: Json) -> Json:
        """Return the answer to one line of README.md's table. Raises: DriverError."""
        ...


class StartedDriver:
    """A driver that is a program: a line in, a line out, which has ``answer_s`` to come."""

    def __init__(self, command: Sequence[str], answer_s: float = ANSWER_S) -> None:
        self._program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._program.stdin is not None
        self._stdin, self._answer_s = self._program.stdin, answer_s
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()  # it ends with its input
        self._reader.join(self._answer_s)
        self._program.kill()
        self._program.wait()

    def _read(self) -> None:
        assert self._program.stdout is not None
        with self._program.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def ask(self, question: Json) -> Json:
        """Write a line, and read the next one."""
        with contextlib.suppress(BrokenPipeError):  # what it has answered tells more
            self._stdin.write(json.dumps(question) + "\n")
            self._stdin.flush()
        try:
            line = self._lines.get(timeout=self._answer_s)
        except Empty:
            message = f"the driver has not answered for {self._answer_s:g} s: does it flush its output after each line?"
            raise DriverError(message) from None
        if not line:
            raise DriverError("the driver has ended")
        with contextlib.suppress(ValueError):
            if isinstance(answer := json.loads(line), dict):
                return answer
        raise DriverError(f"the driver wrote no JSON object: {line.rstrip()}")


class Run:
    """One scenario: it keeps what the core puts out until a step names it, and lets the time go by."""

    def __init__(self, driver: Driver, name: str) -> None:
        self._driver = driver
        self._wall_ms = START_MS
        self._now_ms = 0
        self._random = 0.5
        self._told_last: list[str] = []
        self._forget()
        self._ask({"scenario": name})

    def take(self, step: Json) -> None:
        """Do, or expect, what ``step`` says. Raises: ScenarioError, DriverError."""
        key = next(iter(step))
        if not key.startswith("expect_"):
            self._told_last.clear()
        if key in INPUTS:
            self._put(step)
        elif key.startswith("expect_"):
            _EXPECTATIONS[key](self, step[key], step)
        elif key == "advance":
            self._advance(step[key])
        elif key == "clock":
            self._wall_ms = step[key]
        elif key == "random":
            self._random = step[key]
        elif key == "restart":
            self._forget()
            self._ask({"restart": True})
        else:
            raise ScenarioError(f"nobody knows the step {key!r}")

    def end(self) -> None:
        """Raise a ScenarioError if something was sent that no step has named."""
        _equal("sent, and not expected", self._sent, [])

    def account(self) -> str:
        """Return what the core has put out in the last step that was no expectation, and where it stands."""
        return "\n  ".join(["", *self._told_last, f"the state is {_text(self._shown.get('state'))}"])

    def _forget(self) -> None:
        self._shown: Json = {}
        self._due_ms: dict[str, int] = {}
        self._events: list[Json] = []
        self._opened: list[Json] = []
        self._sent: list[Json] = []
        self._is_asked = self._has_closed = self._has_probe = False

    # What is done

    def _put(self, step: Json) -> None:
        if not step.keys().isdisjoint({"token", "token_failed", "token_unusable"}):
            _equal("whether an ask_token waits for an answer", self._is_asked, not step.get("late", False))
            self._is_asked = False
        if "probed" in step:
            _equal("whether a probe waits for its end", self._has_probe, True)
            self._has_probe = False
        if not step.keys().isdisjoint({"close", "open_failed"}) or step.get("due") == "token":
            self._is_asked = False
        raises, key = step.get("raises", False), next(iter(step))
        answer = self._ask({"input": {key: step[key]}})
        self._told_last.append(f"{_text({key: step[key]})} put out {_text(answer.get('outputs', []))}")
        if raises != ("raised" in answer):
            raise ScenarioError(
                f"the call has raised: {answer['raised']}" if "raised" in answer else "it does not raise"
            )
        for output in answer.get("outputs", ()):
            self._perform(output)

    def _ask(self, question: Json) -> Json:
        answer = self._driver.ask(question | {"now_ms": self._wall_ms, "random": self._random})
        self._shown = answer
        return answer

    def _told(self, what: str) -> Any:
        if what not in self._shown:
            raise DriverError(f"the driver's answer lacks {what!r}")
        return self._shown[what]

    def _perform(self, output: Json) -> None:
        match output:
            case {"type": "ask_token"}:
                if self._is_asked:
                    raise ScenarioError("a token is asked for twice")
                self._is_asked = True
            case {"type": "open", "transport": str(), "target": str(), "token": str()}:
                self._opened.append(output)
            case {"type": "probe", "target": str(), "token": str()}:
                if self._has_probe:
                    raise ScenarioError("a WebSocket is probed for twice at a time")
                self._has_probe = True
            case {"type": "send", "message": message}:
                self._sent.append(message)
            case {"type": "close"}:
                self._has_closed = True
                self._is_asked = self._has_probe = False
            case {"type": "start_timer", "timer": timer, "after_ms": after_ms}:
                self._due_ms[timer] = self._now_ms + after_ms
            case {"type": "stop_timer", "timer": timer}:
                self._due_ms.pop(timer, None)
            case {"type": "emit", "event": {"type": str()} as event}:
                self._events.append(event)
            case _:
                raise DriverError(f"an output that nobody knows, or that lacks something: {_text(output)}")

    def _advance(self, span_ms: int) -> None:
        until_ms = self._now_ms + span_ms
        while self._due_ms and min(self._due_ms.values()) <= until_ms:
            timer = min(self._due_ms, key=lambda timer: self._due_ms[timer])
            self._pass(max(0, self._due_ms.pop(timer) - self._now_ms))
            self._put({"due": timer})
        self._pass(until_ms - self._now_ms)

    def _pass(self, span_ms: int) -> None:
        self._now_ms += span_ms
        self._wall_ms += span_ms

    # What is expected

    def _expect_state(self, state: str, _: Json) -> None:
        _equal("the state", self._told("state"), state)

    def _expect_transport(self, transport: str | None, _: Json) -> None:
        _equal("the transport", self._told("transport"), transport)

    def _expect_token(self, is_asked: bool, _: Json) -> None:
        _equal("whether a token is asked for", self._is_asked, is_asked)

    def _expect_url(self, url: str | None, step: Json) -> None:
        opened, self._opened = self._opened, []
        _equal("what was opened", [each["target"] for each in opened], [] if url is None else [url])
        if "token" in step:
            _equal("its token", opened[0]["token"], step["token"])

    def _expect_probe(self, has_probe: bool, _: Json) -> None:
        _equal("whether a probe waits for its end", self._has_probe, has_probe)

    def _expect_sent(self, expected: list[Json], _: Json) -> None:
        sent, self._sent = self._sent, []
        if len(sent) != len(expected):
            raise ScenarioError(f"sent were {_text(sent)}")
        for message, fields in zip(sent, expected, strict=True):
            _has_fields("sent", message, fields)

    def _expect_list(self, expected: list[str | Json], step: Json) -> None:
        wanted = [{"content_id": item} if isinstance(item, str) else item for item in expected]
        found = self._told("lists").get(step["of"]) if "of" in step else self._told("list")
        if found is None:
            raise ScenarioError(f"the list {step['of']!r} is not open")
        _equal("the list", [item.get("content_id") for item in found], [item["content_id"] for item in wanted])
        for item, fields in zip(found, wanted, strict=True):
            _has_fields("the item", item, fields)

    def _expect_progress(self, expected: list[Json], _: Json) -> None:
        self._expect_registers("progress", expected)

    def _expect_devices(self, expected: list[Json], _: Json) -> None:
        self._expect_registers("devices", expected)

    def _expect_catalogue(self, expected: list[Json], _: Json) -> None:
        _equal("the catalogue", list(self._told("catalogue")), expected)

    def _expect_registers(self, collection: str, expected: list[Json]) -> None:
        found = self._told(collection)
        if len(found) != len(expected):
            raise ScenarioError(f"{collection}: {_text(found)}, expected {_text(expected)}")
        for item, fields in zip(found, expected, strict=True):
            _has_fields(f"the item of {collection}", item, fields)

    def _expect_queue(self, length: int, _: Json) -> None:
        _equal("the length of the queue", self._told("queue"), length)

    def _expect_event(self, fields: Json, _: Json) -> None:
        while self._events:
            event = self._events.pop(0)
            if event["type"] == fields["type"]:
                _has_fields("the event", event, fields)
                return
        raise ScenarioError(f"there was no event {fields['type']!r}")

    def _expect_no_event(self, kind: str, _: Json) -> None:
        _equal("its events", [event for event in self._events if event["type"] == kind], [])

    def _expect_reconnect(self, expected: Json | None, _: Json) -> None:
        due_ms = self._due_ms.get("reconnect")
        if due_ms is None or expected is None:
            _equal("whether the timer reconnect runs", due_ms is not None, expected is not None)
            return
        left_ms = due_ms - self._now_ms
        _equal("ms until it reconnects", left_ms, expected.get("in_ms", left_ms))
        if left_ms > expected.get("max_ms", left_ms):
            raise ScenarioError(f"it reconnects in {left_ms} ms, expected at most {expected['max_ms']}")

    def _expect_closed(self, is_closed: bool, _: Json) -> None:
        closed, self._has_closed = self._has_closed, False
        _equal("whether it has closed", closed, is_closed)


_EXPECTATIONS: Final = {name.removeprefix("_"): step for name, step in vars(Run).items() if name.startswith("_expect_")}


def _equal(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise ScenarioError(f"{what}: {_text(found)}, expected {_text(expected)}")


def _has_fields(what: str, found: Json, expected: Json) -> None:
    """Compare the fields that are named; ``null`` means absent."""
    for name, value in expected.items():
        _equal(f"{name} of {what} {_text(found)}", found.get(name), value)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def named(value: Any, names: Json) -> Any:
    """Return ``value`` with what ``names`` says in the place of each ``$NAME``."""
    match value:
        case str() if value.startswith("$"):
            return named(names[value[1:]], names)
        case list():
            return [named(part, names) for part in value]
        case dict():
            return {key: named(part, names) for key, part in value.items()}
        case _:
            return value


def run(driver: Driver, scenario: Json, names: Json) -> None:
    """Run one scenario. Raises: ScenarioError, which names the step; DriverError, likewise."""
    taken = Run(driver, scenario["name"])
    for number, step in enumerate(scenario["steps"], 1):
        try:
            taken.take(named(step, names))
        except ScenarioError as error:
            raise ScenarioError(f"step {number}, {_text(step)}: {error}{taken.account()}") from None
        except DriverError as error:
            raise DriverError(f"step {number}, {_text(step)}: {error}") from None
    taken.end()


def failures(driver: Driver, scenarios: Sequence[Json], names: Json) -> Iterator[str]:
    """Run ``scenarios``, and yield what is wrong with each that fails. Raises: DriverError, with its name."""
    for scenario in scenarios:
        try:
            run(driver, scenario, names)
        except ScenarioError as error:
            yield f"{scenario['name']}: {error}"
        except DriverError as error:
            raise DriverError(f"{scenario['name']}: {error}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 if a scenario has failed, 2 if the driver has."""
    parser = argparse.ArgumentParser(description="Run the scenarios that every client passes.")
    parser.add_argument("--exec", required=True, metavar="COMMAND", help="what starts the driver")
    parser.add_argument("--only", default="", metavar="TEXT", help="run the scenarios whose name has this in it")
    asked = parser.parse_args(arguments)
    file = json.loads(SCENARIOS.read_text(encoding="utf-8"))
    scenarios = [scenario for scenario in file["scenarios"] if asked.only in scenario["name"]]
    if not scenarios:
        print(f"no scenario has {asked.only!r} in its name", file=sys.stderr)
        return 2
    failed = 0
    try:
        with StartedDriver(shlex.split(asked.exec)) as driver:
            for line in failures(driver, scenarios, file["names"]):
                failed += 1
                print(line, flush=True)
    except (OSError, DriverError) as error:
        print(f"{asked.exec}: {error}", file=sys.stderr)
        return 2
    print(f"{len(scenarios)} scenarios, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
