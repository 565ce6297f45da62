"""Blocking calls that a check can stop waiting for, and answers of HTTP servers that are there, away, or wrong."""

import asyncio
import threading
import time

import pytest

from syncd.checks.timeouts import fetch, in_thread
from syncd.errors import Unreachable
from tests.fakes.issuer import Issuer
from tests.timeouts import TIMEOUT_S


async def test_the_loop_runs_on_while_a_thread_blocks() -> None:
    gate = threading.Event()
    waiting = asyncio.create_task(in_thread(lambda: gate.wait(TIMEOUT_S)))
    asyncio.get_running_loop().call_soon(gate.set)
    assert await waiting is True


async def test_what_the_call_raises_is_raised_where_it_is_awaited() -> None:
    def fail() -> None:
        raise KeyError("nothing there")

    with pytest.raises(KeyError, match="nothing there"):
        await in_thread(fail)


async def test_a_call_that_hangs_is_left_behind_on_a_thread_that_keeps_nobody() -> None:
    gate = threading.Event()
    threads: list[threading.Thread] = []

    def hang() -> None:
        threads.append(threading.current_thread())
        gate.wait(TIMEOUT_S)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await in_thread(hang)
    gate.set()
    (thread,) = threads
    assert thread.daemon
    await asyncio.to_thread(thread.join, TIMEOUT_S)


async def test_an_answer_is_returned_with_when_it_was_asked_for_and_when_it_came() -> None:
    issuer = Issuer()
    url = await issuer.start(b"the body")
    before_s = time.time()
    answer = await in_thread(lambda: fetch(url))
    issuer.close()
    assert (answer.body, "Date" in answer.headers) == (b"the body", True)
    assert before_s <= answer.asked_s <= answer.answered_s <= time.time()


@pytest.mark.parametrize(("status", "said"), [("404 Not Found", "HTTP 404 Not Found"), ("nonsense", "BadStatusLine")])
async def test_an_answer_that_is_an_error_is_none(status: str, said: str) -> None:
    issuer = Issuer()
    url = await issuer.start(b"", status=status)
    with pytest.raises(Unreachable, match=said):
        await in_thread(lambda: fetch(url))
    issuer.close()


@pytest.mark.parametrize(
    ("url", "said"), [("http://127.0.0.1:9/", "refused"), ("http://127.0.0.1:port/", "InvalidURL")]
)
def test_an_address_where_nobody_answers_is_told(url: str, said: str) -> None:
    with pytest.raises(Unreachable, match=said):
        fetch(url)
