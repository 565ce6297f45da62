"""A simulated node's tokens: verified once for all worlds, and refused for the same reasons as by the daemon."""

import pytest

from simulation.tokens import SECRET, issue_token, simulated_authenticator, verified
from transport.access.minting import mint
from transport.errors import TokenRefused

ENDS_S = 4_102_444_800.0 + 60
"""In the worlds' year 2100."""


def test_a_token_is_verified_once_for_all_nodes_of_all_worlds() -> None:
    verified.cache_clear()
    token = issue_token("ann", "phone", ENDS_S, "phone/1")
    claims = [simulated_authenticator({}, lambda: 0.0).authenticate(token) for _ in range(3)]
    assert [(one.user_id, one.device_id, one.token_id) for one in claims] == [("ann", "phone", "phone/1")] * 3
    assert (verified.cache_info().misses, verified.cache_info().hits) == (1, 2)


def test_a_token_that_was_verified_in_another_world_ends_and_is_revoked_in_this_one() -> None:
    token = issue_token("ann", "phone", ENDS_S, "phone/1")
    simulated_authenticator({}, lambda: 0.0).authenticate(token)
    with pytest.raises(TokenRefused, match="expired"):
        simulated_authenticator({}, lambda: ENDS_S).authenticate(token)
    with pytest.raises(TokenRefused, match="revoked"):
        simulated_authenticator({"phone/1": 0}, lambda: 0.0).authenticate(token)


def test_a_forged_token_is_refused_each_time() -> None:
    forged = mint(SECRET[::-1], "ann", "phone", int(ENDS_S), now_s=lambda: 0.0)
    for _ in range(2):
        with pytest.raises(TokenRefused, match="signature"):
            simulated_authenticator({}, lambda: 0.0).authenticate(forged)
