"""What every Pykka runtime must do: the same tests for Pykka's own thread actors and for ours."""

import asyncio
import gc
import logging
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import pytest
from pykka import Actor, ActorDeadError, ActorRef, ActorRegistry, ThreadingActor, Timeout, get_all

from actors.runtime import BlockingActor, LoopActor, use_loop
from tests.timeouts import TIMEOUT_S

Start = Callable[..., ActorRef[Any]]


@pytest.fixture(scope="module")
def _loop_thread() -> Iterator[None]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    use_loop(loop)
    yield
    use_loop(None)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(TIMEOUT_S)
    loop.close()


@pytest.fixture(params=[ThreadingActor, LoopActor, BlockingActor], ids=lambda base: base.__name__)
def start(request: pytest.FixtureRequest, _loop_thread: None) -> Iterator[Start]:
    """Start a behaviour, written as a plain ``pykka.Actor``, on the runtime under test."""

    def start(behaviour: type[Actor], *args: Any) -> ActorRef[Any]:
        actor_class: Any = type(behaviour.__name__, (behaviour, request.param), {})
        ref: ActorRef[Any] = actor_class.start(*args)
        return ref

    threads = set(threading.enumerate())
    yield start
    ActorRegistry.stop_all(timeout=TIMEOUT_S)
    for thread in set(threading.enumerate()) - threads:
        thread.join(TIMEOUT_S)  # its last log record belongs to this test


class Diary:
    """What happened to an actor, and events to wait for. Thread: any."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._changed = threading.Condition()

    def write(self, entry: Any) -> None:
        with self._changed:
            self.entries.append(entry)
            self._changed.notify_all()

    def wait_for(self, entry: Any, times: int = 1) -> None:
        with self._changed:
            is_there = self._changed.wait_for(lambda: self.entries.count(entry) >= times, TIMEOUT_S)
            assert is_there, f"{entry} not {times} times in {self.entries}"


class LogDiary(logging.Handler):
    """Writes Pykka's log records from ``level`` on into a diary."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.diary = Diary()

    def emit(self, record: logging.LogRecord) -> None:
        self.diary.write(record.getMessage())


@pytest.fixture
def logged_errors() -> Iterator[Diary]:
    handler = LogDiary(logging.ERROR)
    logging.getLogger("pykka").addHandler(handler)
    yield handler.diary
    logging.getLogger("pykka").removeHandler(handler)


class Diarist(Actor):
    """Writes down everything that happens to it; does what callables ask and raises what exceptions are."""

    def __init__(self, diary: Diary) -> None:
        super().__init__()
        self.diary = diary

    def on_start(self) -> None:
        registered = ActorRegistry.get_by_urn(self.actor_urn) is not None
        self.diary.write("started" if registered else "started unregistered")

    def on_stop(self) -> None:
        self.diary.write("stopped")

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert traceback is not None
        self.diary.write(exception_value)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message(self)
        self.diary.write(message)
        return ("seen", message)


def test_told_messages_are_handled_in_the_order_they_were_told(start: Start) -> None:
    diary = Diary()
    ref = start(Diarist, diary)
    for number in range(200):
        ref.tell(number)
    assert ref.stop()
    assert diary.entries == ["started", *range(200), "stopped"]


def test_an_ask_returns_what_the_handler_returned(start: Start) -> None:
    ref = start(Diarist, Diary())
    assert ref.ask("hello") == ("seen", "hello")
    assert ref.ask("hello", block=False).get(timeout=TIMEOUT_S) == ("seen", "hello")


def test_an_asked_exception_goes_to_the_asker_and_the_actor_lives_on(start: Start) -> None:
    diary = Diary()
    ref = start(Diarist, diary)
    with pytest.raises(ValueError, match="mine"):
        ref.ask(ValueError("mine"))
    assert ref.ask("still there") == ("seen", "still there")
    assert diary.entries == ["started", "still there"]


def test_an_asker_that_waits_too_long_gets_a_timeout(start: Start) -> None:
    gate = threading.Event()
    ref = start(Diarist, Diary())
    ref.tell(lambda actor: gate.wait(TIMEOUT_S))
    with pytest.raises(Timeout):
        ref.ask("too late", timeout=0.01)
    gate.set()


def test_the_answers_of_several_asks_can_be_gathered(start: Start) -> None:
    ref = start(Diarist, Diary())
    futures = [ref.ask(number, block=False) for number in range(3)]
    assert get_all(futures, timeout=TIMEOUT_S) == [("seen", 0), ("seen", 1), ("seen", 2)]
    assert futures[0].join(*futures[1:]).map(list).map(len).get(timeout=TIMEOUT_S) == 3


def test_messages_behind_a_stop_are_answered_with_actor_dead_error(start: Start) -> None:
    gate = threading.Event()
    diary = Diary()
    ref = start(Diarist, diary)
    ref.tell(lambda actor: gate.wait(TIMEOUT_S))
    ref.tell("before")
    first_stop = ref.stop(block=False)
    behind = ref.ask("behind", block=False)
    second_stop = ref.stop(block=False)
    gate.set()
    with pytest.raises(ActorDeadError, match=r"stopped before handling the message"):
        behind.get(timeout=TIMEOUT_S)
    assert first_stop.get(timeout=TIMEOUT_S) is True
    assert second_stop.get(timeout=TIMEOUT_S) is True
    assert diary.entries == ["started", "before", "stopped"]


def test_a_stopped_actor_is_dead_to_everybody(start: Start) -> None:
    ref = start(Diarist, Diary())
    assert ref.is_alive()
    assert ref.stop() is True
    assert ref.stop() is False
    assert not ref.is_alive()
    assert ref.actor_stopped.wait(0)
    for use in (lambda: ref.tell(1), lambda: ref.ask(1), ref.ask(1, block=False).get):
        with pytest.raises(ActorDeadError, match="not found"):
            use()
    with pytest.raises(ActorDeadError):
        ref.proxy()


def test_an_actor_may_stop_itself_twice_after_what_it_tells_itself(start: Start) -> None:
    diary = Diary()

    def wind_up(actor: Diarist) -> None:
        actor.actor_ref.tell("last words")
        actor.stop()
        actor.stop()

    ref = start(Diarist, diary)
    ref.ask(wind_up)
    assert ref.actor_stopped.wait(TIMEOUT_S)
    diary.wait_for("stopped")
    assert diary.entries == ["started", "last words", "stopped"]


@pytest.mark.actors_may_fail
def test_an_exception_nobody_asked_for_ends_the_actor_by_on_failure(start: Start, logged_errors: Diary) -> None:
    diary = Diary()
    ref = start(Diarist, diary)
    error = ValueError("told")
    ref.tell(error)
    diary.wait_for(error)
    assert ref.actor_stopped.wait(TIMEOUT_S)
    assert diary.entries == ["started", error]
    assert ActorRegistry.get_by_urn(ref.actor_urn) is None
    assert logged_errors.entries == [f"Unhandled exception in {ref}:"]


def test_an_asked_exception_is_logged_as_information(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pykka")
    ref = start(Diarist, Diary())
    with pytest.raises(ValueError, match="asked"):
        ref.ask(ValueError("asked"))
    assert [record.getMessage() for record in caplog.records] == [f"Exception returned from {ref} to caller:"]


class FailingHooks(Diarist):
    """Fails in the hook it is told to."""

    def __init__(self, diary: Diary, hook: str) -> None:
        super().__init__(diary)
        self.hook = hook

    def on_start(self) -> None:
        if self.hook == "on_start":
            raise RuntimeError(self.hook)

    def on_stop(self) -> None:
        raise RuntimeError(self.hook)

    def on_failure(self, *_: Any) -> None:
        raise RuntimeError(self.hook)


@pytest.mark.actors_may_fail
@pytest.mark.parametrize(("hook", "errors"), [("on_start", 1), ("on_stop", 1), ("on_failure", 2)])
def test_an_exception_in_a_hook_is_logged_and_stops_the_actor(
    start: Start, hook: str, errors: int, logged_errors: Diary
) -> None:
    ref = start(FailingHooks, Diary(), hook)
    if hook == "on_stop":
        assert ref.stop() is True
    elif hook == "on_failure":
        ref.tell(ValueError())
    assert ref.actor_stopped.wait(TIMEOUT_S)
    logged_errors.wait_for(f"Unhandled exception in {ref}:", errors)
    assert ref.stop() is False


def test_a_base_exception_stops_all_actors(start: Start) -> None:
    diary, other_diary = Diary(), Diary()
    other = start(Diarist, other_diary)
    ref = start(Diarist, diary)
    ref.tell(BaseException())
    diary.wait_for("stopped")
    other_diary.wait_for("stopped")
    assert not ref.is_alive()
    assert not other.is_alive()


def test_stop_all_stops_in_the_reverse_order_of_the_starts(start: Start) -> None:
    diary = Diary()

    class Named(Diarist):
        def __init__(self, name: str) -> None:
            super().__init__(diary)
            self.name = name

        def on_stop(self) -> None:
            diary.write(self.name)

    for name in ("first", "second", "third"):
        start(Named, name)
    assert ActorRegistry.stop_all() == [True, True, True]
    assert diary.entries[-3:] == ["third", "second", "first"]


def test_the_registry_finds_and_reaches_actors_by_class(start: Start) -> None:
    diary = Diary()
    ref = start(Diarist, diary)
    start(FailingHooks, Diary(), "none")
    assert ActorRegistry.get_by_urn(ref.actor_urn) is ref
    assert ActorRegistry.get_by_class_name("Diarist") == [ref]
    behaviour: Any = Diarist
    assert len(ActorRegistry.get_by_class(behaviour)) == 2
    ActorRegistry.broadcast("to one", "Diarist")
    diary.wait_for("to one")


def test_every_actor_has_a_urn_of_its_own(start: Start) -> None:
    urns = {start(Diarist, Diary()).actor_urn for _ in range(3)}
    assert {uuid.UUID(urn).version for urn in urns} == {4}
    assert len(urns) == 3


def test_a_message_that_no_handler_takes_is_logged_as_a_warning(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    class Mute(Actor):
        pass

    ref = start(Mute)
    assert ref.ask({"a": 1}) is None
    assert [record.getMessage() for record in caplog.records] == [f"Unexpected message received by {ref}: {{'a': 1}}"]


def test_a_tuple_is_a_message_like_any_other(start: Start) -> None:
    assert start(Diarist, Diary()).ask(("a", "tuple")) == ("seen", ("a", "tuple"))


def test_a_ref_does_not_keep_a_stopped_actor_alive(start: Start) -> None:
    is_gone = threading.Event()
    ref = start(Diarist, Diary())

    def watch(actor: Diarist) -> None:
        weakref.finalize(actor, is_gone.set)

    ref.ask(watch)
    ref.stop()
    for _ in range(50):  # its thread, or the loop, may be about to leave it
        gc.collect()
        if is_gone.wait(0.1):
            break
    assert is_gone.is_set()
    assert not ref.is_alive()


def test_messages_told_while_starting_are_handled_first(start: Start) -> None:
    diary = Diary()

    class Eager(Diarist):
        def __init__(self) -> None:
            super().__init__(diary)
            self.actor_ref.tell("in __init__")
            self.asked = self.actor_ref.ask("asked in __init__", block=False)

    ref = start(Eager)
    assert ref.proxy().asked.get().get(timeout=TIMEOUT_S) == ("seen", "asked in __init__")
    ref.stop()
    assert diary.entries == ["started", "in __init__", "asked in __init__", "stopped"]
