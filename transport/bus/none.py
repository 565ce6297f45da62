"""The bus of a single node: there is nobody else to tell."""

from actors.ports import OnGap, OnMessage


class NoBus:
    """Takes every message and delivers none; the embedded default."""

    async def start(self, on_message: OnMessage, on_gap: OnGap) -> None:
        """Do nothing: there is nothing to receive."""

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Do nothing: nobody else listens."""

    def status(self) -> str | None:
        """Return ``None``: it always works."""
        return None

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""
