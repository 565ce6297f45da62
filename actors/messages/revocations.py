"""What the revocation log is asked."""

from msgspec import Struct

from actors.runtime.ask import Request


class RevocationsUnavailable(Struct, frozen=True):
    """The answer while the database cannot be used; ``reason`` is one line for the operator."""

    reason: str


class Revoke(Request[RevocationsUnavailable | None], frozen=True):
    """Refuse ``token_id`` until ``expires_at`` (seconds since 1970; ``None``: for ever). ``None``: it is kept."""

    token_id: str
    expires_at: int | None


class ReadRevocations(Request[RevocationsUnavailable | tuple[int, list[tuple[str, int | None]]]], frozen=True):
    """Answered by ``RevocationStore.revoked(after)``."""

    after: int
