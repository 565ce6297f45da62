"""The bus of a single node: there are no other nodes."""

from actors.ports import BusFigures, BusListener


class NoBus:
    """Accepts every message and delivers none; the default."""

    async def start(self, listener: BusListener) -> None:
        """Do nothing: there is nothing to receive."""

    def subscribe(self, user_id: str) -> None:
        """Do nothing: nobody else writes."""

    def unsubscribe(self, user_id: str) -> None:
        """Do nothing: nobody else writes."""

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Do nothing: there is no other node."""

    async def publish_to_devices(self, user_id: str, payload: bytes) -> None:
        """Do nothing: there is no other node."""

    async def publish_control(self, payload: bytes) -> None:
        """Do nothing: there is no other node."""

    def status(self) -> str | None:
        """Return ``None``: it always works."""
        return None

    def figures(self) -> BusFigures:
        """Return zeros."""
        return BusFigures()

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""
