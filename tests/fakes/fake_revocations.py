"""A store of revocations in memory, which a test can take away."""

from actors.errors import StoreUnavailable


class FakeRevocations:
    """``actors.ports.RevocationStore``. The version is the number of revocations."""

    def __init__(self) -> None:
        self.revocations: list[tuple[str, int | None]] = []
        self.is_away = False
        self.closed = 0

    def revoke(self, token_id: str, expires_at: int | None) -> None:
        self._check()
        self.revocations.append((token_id, expires_at))

    def revoked(self, after: int) -> tuple[int, list[tuple[str, int | None]]]:
        self._check()
        return len(self.revocations), self.revocations[after:]

    def close(self) -> None:
        self.closed += 1

    def _check(self) -> None:
        if self.is_away:
            raise StoreUnavailable("the store is away")
