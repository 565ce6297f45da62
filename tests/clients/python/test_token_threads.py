"""The app's callback for tokens runs on threads of its own, whatever it does there."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from syncd_client import Disconnected, sync
from syncd_client.token_threads import GIVEN_UP_S, TokenThreads

from tests.timeouts import TIMEOUT_S

NOBODY = "ws://127.0.0.1:9"


def no_more_tokens() -> str:
    return next(iter(()))


def exits() -> str:
    raise SystemExit(3)


@pytest.mark.parametrize("get_token", [no_more_tokens, exits])
def test_whatever_a_callback_raises_is_told_at_once(get_token: Callable[[], str]) -> None:
    reasons: list[str] = []
    with sync.Client(NOBODY) as client:
        client.subscribe(lambda event: reasons.append(event.reason) if isinstance(event, Disconnected) else None)
        client.sign_in("alice", get_token)
        client.wait_until(lambda: bool(reasons), TIMEOUT_S)
        assert reasons[0] == "no token: RuntimeError"


class Backend:
    """Where an app gets its tokens: while it is out of order, whoever asks hangs until it is let go."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.calls = 0
        self.is_out_of_order = True
        self.may_return = threading.Event()

    def get_token(self) -> str:
        self.calls += 1
        number = self.calls
        if self.is_out_of_order:
            assert self.may_return.wait(TIMEOUT_S)
        return f"token {number}"


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.may_return.set()


async def ask_in_vain(threads: TokenThreads, backend: Backend, for_s: float) -> None:
    """Ask as a client does that has no answer: for 20 s, and again after 30 s."""
    end_s = backend.now_s + for_s
    while backend.now_s < end_s:
        question = asyncio.create_task(threads.ask())
        await asyncio.sleep(0)
        backend.now_s += GIVEN_UP_S
        question.cancel()
        with suppress(asyncio.CancelledError):
            await question
        backend.now_s += 30


async def test_calls_that_never_return_are_few_however_long_that_lasts(backend: Backend) -> None:
    threads = TokenThreads(backend.get_token, lambda: backend.now_s)
    await ask_in_vain(threads, backend, 24 * 3600)
    assert 5 < backend.calls <= 14


@pytest.mark.parametrize("outage_s", [30, 600, 24 * 3600])
async def test_it_is_asked_again_within_the_time_that_the_outage_lasted(backend: Backend, outage_s: float) -> None:
    threads = TokenThreads(backend.get_token, lambda: backend.now_s)
    await ask_in_vain(threads, backend, outage_s)
    hung = backend.calls
    backend.is_out_of_order = False
    backend.now_s *= 2
    async with asyncio.timeout(TIMEOUT_S):
        assert await threads.ask() == f"token {hung + 1}"


async def test_who_begins_no_call_is_answered_by_the_first_that_returns(backend: Backend) -> None:
    threads = TokenThreads(backend.get_token, lambda: backend.now_s)
    await ask_in_vain(threads, backend, 1)
    questions = [asyncio.create_task(threads.ask()) for _ in range(2)]
    await asyncio.sleep(0)
    assert backend.calls == 2
    backend.may_return.set()
    async with asyncio.timeout(TIMEOUT_S):
        own, joined = await asyncio.gather(*questions)
        assert own == "token 2"
        assert joined in {"token 1", "token 2"}
        backend.is_out_of_order = False
        assert await threads.ask() == "token 3"


async def test_a_thread_that_cannot_be_started_is_no_call_that_is_out(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = TokenThreads(backend.get_token, lambda: backend.now_s)
    backend.is_out_of_order = False

    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            await threads.ask()
    async with asyncio.timeout(TIMEOUT_S):
        assert await threads.ask() == "token 1"
