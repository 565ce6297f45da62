import pytest

from transport.access.bearer import (
    BEARER_PREFIX,
    bearer_token,
    device_token,
    offered_protocols,
    token_problem,
    unauthorized,
)
from transport.errors import KeysUnavailable, Problem, SigningKeyMissing, TokenRefused


@pytest.mark.parametrize("header", ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c "])
def test_the_token_is_what_follows_the_scheme(header: str) -> None:
    assert bearer_token(header) == "a.b.c"


@pytest.mark.parametrize("header", [None, "", "a.b.c", "Bearer", "Bearer ", "Basic YTpi", "Bearera.b.c"])
def test_another_scheme_and_an_empty_token_are_401_and_say_how_to_send_one(header: str | None) -> None:
    with pytest.raises(Problem, match="Authorization: Bearer <token>") as refused:
        bearer_token(header)
    assert refused.value.status == 401


def test_a_client_without_a_valid_token_is_told_the_scheme() -> None:
    problem = unauthorized("The token has expired.")
    assert (problem.status, problem.detail) == (401, "The token has expired.")
    assert problem.headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize("refused", [TokenRefused("The token has expired."), SigningKeyMissing("Unknown key.", None)])
def test_a_token_that_is_refused_is_401(refused: TokenRefused) -> None:
    problem = token_problem(refused)
    assert (problem.status, problem.detail) == (401, str(refused))


def test_a_token_that_nobody_can_judge_now_is_503_and_not_401() -> None:
    problem = token_problem(KeysUnavailable("The issuer of the keys is away."))
    assert (problem.status, problem.detail) == (503, "The issuer of the keys is away.")
    assert problem.headers == {"Retry-After": "2"}


@pytest.mark.parametrize(
    ("authorizations", "protocols"), [(["Bearer a.b.c"], ["syncd.v1"]), ([], ["syncd.v1, bearer.a.b.c", "chat"])]
)
def test_a_device_shows_its_token_in_a_header_or_as_a_subprotocol(
    authorizations: list[str], protocols: list[str]
) -> None:
    bearers = [name for name in offered_protocols(protocols) if name.startswith(BEARER_PREFIX)]
    assert device_token(authorizations, bearers) == "a.b.c"


@pytest.mark.parametrize(
    ("authorizations", "bearers", "status"),
    [
        ([], [], 401),
        (["Bearer a"], ["bearer.b"], 400),
        (["Bearer a", "Bearer b"], [], 400),
        ([], ["bearer.a"] * 2, 400),
    ],
)
def test_a_device_shows_one_token(authorizations: list[str], bearers: list[str], status: int) -> None:
    with pytest.raises(Problem) as refused:
        device_token(authorizations, bearers)
    assert refused.value.status == status
