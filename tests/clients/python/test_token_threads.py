"""The app's callback for tokens runs on threads of its own, whatever it does there."""

from collections.abc import Callable

import pytest
from syncd_client import Disconnected, sync

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
