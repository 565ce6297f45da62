"""Failures in place: skipped messages, paused and restarted singletons, storms."""

import asyncio
import logging
from collections import Counter
from typing import Any

import pytest
from pykka import ActorRef

from actors.runtime.supervisor import (
    HEALTHY_S,
    MIN_BACKOFF_S,
    STORM_RESTARTS,
    STORM_WINDOW_S,
    ChildFailed,
    MessageSkipped,
    Resume,
    SupervisedActor,
    Supervisor,
    supervise,
)
from tests.fakes.hand_clock import HandClock
from tests.fakes.recorder import Keep

pytestmark = pytest.mark.actors_may_fail


class Singleton(SupervisedActor):
    """Records its messages; raises those that are exceptions."""

    def __init__(self, record: list[Any]) -> None:
        super().__init__()
        self.record = record

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        self.record.append(message)
        return message

    def on_restart(self) -> None:
        self.record.append("restarted")


class AsyncSingleton(Singleton):
    async def on_receive(self, message: Any) -> Any:
        await asyncio.sleep(0)
        return super().on_receive(message)

    async def on_restart(self) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().on_restart()


def ignore(reason: str) -> None:
    """Take the place of an escalation that the test is not about."""


async def test_without_a_supervisor_a_poison_message_is_skipped(started: Keep) -> None:
    record: list[Any] = []
    ref = started(Singleton.start(record))
    ref.tell("before")
    ref.tell(ValueError())
    ref.tell("after")
    await ref.ask("end", block=False)
    assert record == ["before", "after", "end"]


async def test_one_of_many_goes_on_at_once_and_its_supervisor_counts_what_it_skipped(started: Keep) -> None:
    record: list[Any] = []
    restarts: Counter[str] = Counter()
    messages_skipped: Counter[str] = Counter()
    supervisor = started(Supervisor.start(pytest.fail, restarts, messages_skipped))
    refs = [started(Singleton.start(record)) for _ in range(2)]
    for ref in refs:
        supervise(ref, supervisor, restart=False)
        ref.tell(ValueError())
        await ref.ask("end", block=False)
    await supervisor.ask(MessageSkipped("Other"), block=False)
    assert record == ["end", "end"]
    assert messages_skipped == {"Singleton": 2, "Other": 1}
    assert restarts == {}


async def test_each_supervisor_counts_its_own_children_alone(started: Keep) -> None:
    counters: list[Counter[str]] = [Counter(), Counter()]
    for counter in counters:
        supervisor = started(Supervisor.start(pytest.fail, Counter(), counter))
        ref = started(Singleton.start([]))
        supervise(ref, supervisor, restart=False)
        ref.tell(ValueError())
        await ref.ask("end", block=False)
        await supervisor.ask(MessageSkipped("Other"), block=False)
    assert counters == [{"Singleton": 1, "Other": 1}] * 2


async def test_the_log_names_the_messages_type_and_never_its_content(
    started: Keep, caplog: pytest.LogCaptureFixture
) -> None:
    ref = started(Singleton.start([]))
    ref.tell(ValueError("secret token"))
    await ref.ask("end", block=False)
    (logged,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert logged.startswith("Singleton: ValueError skipped: ValueError\n")
    assert "in on_receive" in logged
    assert "secret token" not in caplog.text


async def test_an_ask_that_raises_is_the_askers_and_no_failure_of_the_actor(started: Keep) -> None:
    messages_skipped: Counter[str] = Counter()
    supervisor = started(Supervisor.start(pytest.fail, Counter(), messages_skipped))
    ref = started(Singleton.start([]))
    supervise(ref, supervisor)
    with pytest.raises(ValueError, match="mine"):
        await ref.ask(ValueError("mine"), block=False)
    await supervisor.ask(MessageSkipped("Other"), block=False)
    assert messages_skipped == {"Other": 1}


async def test_a_failing_on_idle_is_skipped_too(started: Keep) -> None:
    class Clogged(Singleton):
        def on_idle(self) -> None:
            raise ValueError

    messages_skipped: Counter[str] = Counter()
    supervisor = started(Supervisor.start(pytest.fail, Counter(), messages_skipped))
    ref = started(Clogged.start([]))
    supervise(ref, supervisor, restart=False)
    await ref.ask("first", block=False)
    assert await ref.ask("second", block=False) == "second"
    await supervisor.ask(MessageSkipped("Other"), block=False)
    assert messages_skipped["Clogged"] >= 1


@pytest.mark.parametrize("singleton", [Singleton, AsyncSingleton])
async def test_a_supervised_singleton_pauses_restarts_and_goes_on_where_it_was(
    started: Keep, singleton: type[Singleton]
) -> None:
    record: list[Any] = []
    restarts: Counter[str] = Counter()
    messages_skipped: Counter[str] = Counter()
    was_asked = asyncio.Event()

    class Watched(Supervisor):
        def on_receive(self, message: MessageSkipped | ChildFailed) -> Resume | None:
            if isinstance(message, ChildFailed):
                was_asked.set()
            return super().on_receive(message)

    supervisor = started(Watched.start(pytest.fail, restarts, messages_skipped))
    ref = started(singleton.start(record))
    supervise(ref, supervisor)
    ref.tell("before")
    ref.tell(ValueError())
    ref.tell("after")
    await was_asked.wait()
    failed_s = asyncio.get_running_loop().time()
    assert record == ["before"]
    ref.tell("told in the pause")
    await ref.ask("end", block=False)
    assert record == ["before", "restarted", "after", "told in the pause", "end"]
    assert asyncio.get_running_loop().time() - failed_s > 0.9 * MIN_BACKOFF_S
    assert restarts == messages_skipped == {singleton.__name__: 1}


async def test_a_restart_that_fails_is_tried_again(started: Keep) -> None:
    record: list[Any] = []
    restarts: Counter[str] = Counter()
    messages_skipped: Counter[str] = Counter()

    class Reluctant(Singleton):
        def on_restart(self) -> None:
            super().on_restart()
            if record.count("restarted") < 2:
                raise ConnectionError

    supervisor = started(Supervisor.start(pytest.fail, restarts, messages_skipped))
    ref = started(Reluctant.start(record))
    supervise(ref, supervisor)
    ref.tell(ValueError())
    await ref.ask("end", block=False)
    assert record == ["restarted", "restarted", "end"]
    assert restarts == {"Reluctant": 2}
    assert messages_skipped == {"Reluctant": 1}


async def test_a_singleton_outlives_its_supervisor(started: Keep) -> None:
    ref = started(Singleton.start([]))
    supervisor = Supervisor.start(pytest.fail, Counter(), Counter())
    supervise(ref, supervisor)
    await supervisor.stop(block=False)
    ref.tell(ValueError())
    assert await ref.ask("end", block=False) == "end"


async def fail(supervisor: ActorRef[Any], child: str = "Registry") -> float:
    resume: Resume = await supervisor.ask(ChildFailed(child), block=False)
    return resume.after_s


async def test_the_pause_doubles_up_to_five_seconds_for_each_child_alone(started: Keep) -> None:
    clock = HandClock()
    supervisor = started(Supervisor.start(ignore, Counter(), Counter(), clock))
    assert [await fail(supervisor) for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert await fail(supervisor, "Publisher") == 0.1


async def test_a_healthy_minute_after_the_restart_resets_the_pause(started: Keep) -> None:
    clock = HandClock()
    supervisor = started(Supervisor.start(ignore, Counter(), Counter(), clock))
    await fail(supervisor)
    clock.now_s += HEALTHY_S  # since the failure; the restart was 0.1 s later
    assert await fail(supervisor) == 0.2
    clock.now_s += 0.2 + HEALTHY_S
    assert await fail(supervisor) == 0.1


async def test_a_storm_of_restarts_is_escalated_once(started: Keep) -> None:
    clock = HandClock()
    reasons: list[str] = []
    supervisor = started(Supervisor.start(reasons.append, Counter(), Counter(), clock))
    for _ in range(STORM_RESTARTS):
        await fail(supervisor)
    assert reasons == []
    clock.now_s += STORM_WINDOW_S
    await fail(supervisor)
    await fail(supervisor)
    assert reasons == [f"{STORM_RESTARTS + 1} restarts within {STORM_WINDOW_S:.0f} s, the latest of Registry"]


async def test_restarts_spread_over_time_are_no_storm(started: Keep) -> None:
    clock = HandClock()
    reasons: list[str] = []
    supervisor = started(Supervisor.start(reasons.append, Counter(), Counter(), clock))
    for _ in range(5 * STORM_RESTARTS):
        await fail(supervisor)
        clock.now_s += STORM_WINDOW_S / STORM_RESTARTS + 0.1
    assert reasons == []


async def test_a_child_that_always_fails_reaches_the_storm_within_its_window(started: Keep) -> None:
    clock = HandClock()
    reasons: list[str] = []
    supervisor = started(Supervisor.start(reasons.append, Counter(), Counter(), clock))
    began_s = clock.now_s
    while not reasons:
        clock.now_s += await fail(supervisor)
        assert clock.now_s - began_s < STORM_WINDOW_S
