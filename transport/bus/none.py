"""The bus of a single node: there are no other nodes."""

from actors.ports import OnGap, OnMessage


class NoBus:
    """Accepts every message and delivers none; the default."""

    async def start(self, on_message: OnMessage, on_gap: OnGap) -> None:
        """Do nothing: there is nothing to receive."""

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Do nothing: there is no other node."""

    def status(self) -> str | None:
        """Return ``None``: it always works."""
        return None

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""
