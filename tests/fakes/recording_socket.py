"""A device's socket that keeps what is written to it."""

from typing import Any

import msgspec


class RecordingSocket:
    """Records writes, pings and closes; it is congested when a test says so."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.pings = 0
        self.closes: list[int] = []
        self.is_read = True
        self.congested = False
        self.unsent = 0
        """Bytes that the network has not taken."""
        self.in_kernel = 0
        """Bytes that it has taken, and the other end has not confirmed."""
        self.becomes_congested = False
        """Whether the next write makes it congested."""

    def write(self, frames: bytes) -> None:
        self.writes.append(frames)
        self.congested |= self.becomes_congested

    def is_congested(self) -> bool:
        return self.congested

    def unsent_bytes(self) -> int:
        return self.unsent

    def unconfirmed_bytes(self) -> int:
        return self.unsent + self.in_kernel

    def ping(self) -> None:
        self.pings += 1

    def close(self, code: int, reason: str) -> None:
        self.closes.append(code)

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    @property
    def lines(self) -> list[str]:
        return b"".join(self.writes).decode().splitlines()

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.lines]
