"""What the revocation log is asked."""

from actors.runtime.ask import Request


class Revoke(Request[None], frozen=True):
    """Refuse ``token_id`` until ``expires_at`` (seconds since 1970; ``None``: for ever). Answered once it is kept."""

    token_id: str
    expires_at: int | None


class ReadRevocations(Request[tuple[int, list[tuple[str, int | None]]]], frozen=True):
    """Answered by ``RevocationStore.revoked(after)``."""

    after: int
