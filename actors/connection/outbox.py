"""What waits to be written to one device: by the turn while it reads, and bounded while it does not."""

from actors.messages.connection import MAX_WAITING_BYTES, MAX_WAITING_FRAMES
from actors.ports import DeviceSocket


class Outbox:
    """Part of a ``SyncWebSocket``, on its turns."""

    __slots__ = ("_socket", "frames")

    def __init__(self, socket: DeviceSocket) -> None:
        self._socket = socket
        self.frames: list[bytes] = []

    @property
    def size_bytes(self) -> int:
        """Of all that waits."""
        return sum(map(len, self.frames))

    @property
    def is_over_bound(self) -> bool:
        """Whether more waits than may wait for a device that does not read."""
        return len(self.frames) > MAX_WAITING_FRAMES or self.size_bytes > MAX_WAITING_BYTES

    def flush(self) -> None:
        """Write all in one, unless the device reads more slowly than this."""
        frames = self.frames
        if frames and not self._socket.is_congested():
            self._socket.write(frames[0] if len(frames) == 1 else b"".join(frames))
            frames.clear()
