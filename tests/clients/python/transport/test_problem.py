"""Whether an answer is the service's own refusal."""

import json

import pytest
from syncd_client.transport.problem import problem_of, read_problem

PROBLEM = {"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "The token has ended."}


@pytest.mark.parametrize("content_type", ["application/problem+json", "Application/Problem+JSON ; charset=utf-8"])
def test_the_services_own_refusal_is_read(content_type: str) -> None:
    assert read_problem(401, content_type, json.dumps(PROBLEM).encode()) == "The token has ended."


def test_what_the_service_calls_the_reason_is_read_where_it_says_so() -> None:
    for code in ("device_offline", None):
        said = json.dumps(PROBLEM if code is None else {**PROBLEM, "code": code}).encode()
        problem = problem_of(401, "application/problem+json", said)
        assert problem is not None
        assert problem.code == code


@pytest.mark.parametrize("content_type", [None, "", "application/json", "text/html"])
def test_an_answer_of_another_type_is_not_the_services(content_type: str | None) -> None:
    assert read_problem(401, content_type, json.dumps(PROBLEM).encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "null",
        "[]",
        "7",
        json.dumps({**PROBLEM, "status": 403}),
        json.dumps({**PROBLEM, "status": "401"}),
        json.dumps({**PROBLEM, "detail": None}),
        json.dumps({**PROBLEM, "title": 7}),
        json.dumps({"status": 401, "title": "Unauthorized"}),
    ],
)
def test_an_answer_in_another_form_is_not_the_services(body: str) -> None:
    assert read_problem(401, "application/problem+json", body.encode()) is None


def test_an_answer_that_is_no_text_is_not_the_services() -> None:
    assert read_problem(401, "application/problem+json", b'{"detail": "\xff"}') is None
