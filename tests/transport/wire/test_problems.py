from http import HTTPStatus

import msgspec
import pytest

from transport.errors import Problem
from transport.wire.problems import problem_body, problem_response, refusal, unavailable

FULL = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "This node is full — 5 connections.", {"Retry-After": "10"})
BODY = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": FULL.detail,
    "error": FULL.detail,
}


def test_a_problem_is_told_in_the_shape_of_rfc_9457() -> None:
    assert msgspec.json.decode(problem_body(FULL)) == BODY


def test_what_is_for_programs_is_beside_it() -> None:
    problem = Problem(HTTPStatus.CONFLICT, "The list is full.", code="quota_exceeded", field="content_id")
    told = msgspec.json.decode(problem_body(problem))
    assert (told["code"], told["field"]) == ("quota_exceeded", "content_id")


def test_an_application_answers_with_it() -> None:
    response = problem_response(FULL)
    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "10"
    assert msgspec.json.decode(response.body) == BODY


def test_without_an_application_it_is_a_whole_answer_that_ends_the_connection() -> None:
    head, _, body = refusal(FULL).partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    assert status == "HTTP/1.1 503 Service Unavailable"
    assert headers == [
        "Content-Type: application/problem+json", f"Content-Length: {len(body)}", "Connection: close",
        "Retry-After: 10",
    ]  # fmt: skip
    assert msgspec.json.decode(body) == BODY


@pytest.mark.parametrize(("wait_s", "header"), [(0.0, "1"), (0.4, "1"), (2.0, "2"), (9.7, "10")])
def test_a_time_to_try_again_is_at_least_a_second(wait_s: float, header: str) -> None:
    problem = unavailable("The journal is away.", wait_s)
    assert (problem.status, problem.headers) == (503, {"Retry-After": header})
