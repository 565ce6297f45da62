import asyncio
from typing import Any

import pytest

from transport.access.limits import MAX_UNREAD_BYTES, Limits, Quotas
from transport.errors import Problem
from transport.http.exchange.long_answers import SLICE_BYTES, LongAnswer

BODY = b"[" + b"1," * SLICE_BYTES + b"1]"


class Client:
    """Takes a part of an answer when the test says so."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self._may_send = asyncio.Semaphore(0)

    def answer(self, answer: LongAnswer) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(answer({"type": "http"}, self._receive, self._send))

    async def take(self, parts: int) -> None:
        for _ in range(parts):
            self._may_send.release()
        for _ in range(3 * parts):
            await asyncio.sleep(0)

    async def _receive(self) -> Any:
        pytest.fail("there is nothing to read")

    async def _send(self, message: Any) -> None:
        await self._may_send.acquire()
        self.sent.append(message)


def unread(quotas: Quotas) -> bool:
    """Return whether one byte more than what ann has not read is too much."""
    quotas.begin_answer("ann", MAX_UNREAD_BYTES - len(BODY))
    try:
        quotas.check_unread("ann")
    except Problem:
        return True
    finally:
        quotas.end_answer("ann", MAX_UNREAD_BYTES - len(BODY))
    return False


async def test_a_long_answer_leaves_part_by_part_and_counts_as_unread_until_the_last_is_taken() -> None:
    client, quotas = Client(), Quotas(Limits())
    task = client.answer(LongAnswer(BODY, {"ETag": '"7"'}, quotas, "ann"))
    await client.take(2)
    head, part = client.sent
    assert {b"etag": b'"7"', b"content-length": b"%d" % len(BODY)}.items() <= dict(head["headers"]).items()
    assert (len(part["body"]), part["more_body"]) == (SLICE_BYTES, True)
    assert unread(quotas)
    await client.take(2)
    await task
    assert b"".join(message["body"] for message in client.sent[1:]) == BODY
    assert [message["more_body"] for message in client.sent[1:]] == [True, True, False]
    assert not unread(quotas)


async def test_a_long_answer_that_is_broken_off_is_not_counted_any_more() -> None:
    client, quotas = Client(), Quotas(Limits())
    task = client.answer(LongAnswer(BODY, {}, quotas, "ann"))
    await client.take(1)
    assert unread(quotas)
    task.cancel()
    await asyncio.wait([task])
    assert not unread(quotas)


async def test_a_short_answer_is_sent_at_once() -> None:
    client, quotas = Client(), Quotas(Limits())
    task = client.answer(LongAnswer(b"[]", {}, quotas, "ann"))
    await client.take(2)
    await task
    assert [message.get("body") for message in client.sent] == [None, b"[]"]


async def test_who_does_not_read_gets_no_more_and_others_do() -> None:
    quotas = Quotas(Limits())
    quotas.begin_answer("ann", MAX_UNREAD_BYTES)
    with pytest.raises(Problem, match="16 MiB of answers to read") as refused:
        LongAnswer(b"[]", {}, quotas, "ann")
    assert (refused.value.status, refused.value.code, quotas.refusals["unread_bytes"]) == (429, "quota_exceeded", 1)
    LongAnswer(b"[]", {}, quotas, "bob")
