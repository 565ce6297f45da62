"""The parts that the API document is built of fit each other and what the service answers."""

import msgspec

from transport.apidocs.openapi_parts import (
    ANY_BODY,
    ANY_REQUEST,
    answer,
    body,
    of_a_bearer,
    problem_responses,
    problems,
)
from transport.wire.problems import PROBLEM_TYPE


def test_every_problem_has_an_example_that_says_its_own_status() -> None:
    responses = problem_responses()
    for status, response in responses.items():
        ((name, example),) = response["content"][PROBLEM_TYPE]["examples"].items()
        assert (name, example["value"]["status"]) == ("ProblemDetails", int(status))
        assert example["value"]["detail"]
    assert {status for status, response in responses.items() if "Retry-After" in response["headers"]} == {"429", "503"}
    assert {status for status, response in responses.items() if "quota_exceeded" in str(response)} == {"409", "429"}


def test_references_to_problems_lead_to_those_that_are_described() -> None:
    described = problem_responses()
    for status, reference in problems(*ANY_REQUEST, *ANY_BODY).items():
        assert reference == {"$ref": f"#/components/responses/{status}"}
        assert status in described


def test_an_operation_of_a_bearer_needs_a_token_and_may_be_refused_for_it() -> None:
    operation = of_a_bearer("readIt", "Read it.", "lists", {"200": {"description": "It."}}, deprecated=True)
    assert (operation["operationId"], operation["security"], operation["deprecated"]) == (
        "readIt",
        [{"token": []}],
        True,
    )
    assert operation["responses"].keys() == {"200", *ANY_REQUEST, "401", "503"}


def test_bodies_and_answers_name_their_schema_and_show_an_example() -> None:
    asked = body("Asked", "What is asked.", {"a": 1})
    assert asked["required"]
    given = answer("What is given.", "Given", {"b": 2}, ETag={"schema": {"type": "string"}})
    assert "headers" not in answer("What is given.", "Given", {"b": 2})
    assert given["headers"].keys() == {"ETag"}
    for part, name, example in ((asked, "Asked", {"a": 1}), (given, "Given", {"b": 2})):
        media = part["content"]["application/json"]
        assert media == {"schema": {"$ref": f"#/components/schemas/{name}"}, "examples": {name: {"value": example}}}
        assert msgspec.json.encode(media)
