"""Answers of HTTP servers that are there, away, or wrong."""

import time

import pytest

from syncd.checks.http_answer import fetch
from syncd.errors import Unreachable
from tests.fakes.issuer import Issuer
from transport.loop.blocking_calls import in_thread


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
