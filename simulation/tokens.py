"""The tokens of a world: made once, and verified once for all worlds, which have mostly the same."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from typing_extensions import override

from syncd.revocations import RevokedTokenIds
from transport.access.authentication import Authenticator, Claims
from transport.access.minting import mint
from transport.access.signing_keys import shared_secret

SECRET: Final = "a secret of the simulation, 32 bytes or more"  # noqa: S105 - nobody else's
TOKEN_S: Final = 24 * 3600.0
"""How long a token is valid, where tokens do not end: longer than any world lasts."""


@lru_cache(maxsize=1024)  # most are those of the world before, and making one takes 0.1 ms
def issue_token(user_id: str, device_id: str, ends_s: float, token_id: str, scope: str | None = None) -> str:
    """Return a token that ends at ``ends_s``, seconds since 1970."""
    return mint(SECRET, user_id, device_id, int(ends_s), token_id=token_id, scope=scope, now_s=lambda: 0.0)


class _Authenticator(Authenticator):
    """The daemon's, but that it has a token verified only if no node of any world has had it before."""

    @override
    def _check(self, token: str) -> Claims:
        return verified(token)


@lru_cache(maxsize=1024)  # as above: they are the same tokens
def verified(token: str) -> Claims:
    """Return what a token says whose signature is right. Raises: TokenRefused."""
    return Authenticator(shared_secret(SECRET))._check(token)


def simulated_authenticator(revoked: RevokedTokenIds, now_s: Callable[[], float]) -> Authenticator:
    """Return a node's, which has its clock."""
    return _Authenticator(shared_secret(SECRET), revoked_token_ids=revoked, now_s=now_s)
