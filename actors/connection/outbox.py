"""What waits to be written to one device: one write a turn while it reads, bounded while it does not."""

from typing import Final

from actors.connection.device_writes import DeviceWrites
from actors.messages.connection import MAX_PART_BYTES, MAX_WAITING_BYTES, MAX_WAITING_FRAMES, ListPart
from actors.ports import DeviceSocket

CHUNK_BYTES: Final = 16 * 1024
"""Written at once of what is sent as the socket takes it. The socket buffers a copy for this device alone; what waits
here is shared by all who are sent the same."""


class Outbox:
    """Part of a ``SyncWebSocket``, on its turns.

    Between the fragments of a message nothing else may be written (RFC 6455 section 5.4): it waits for the last.
    """

    __slots__ = ("_part", "_rest", "_socket", "_writes", "answers", "frames", "is_message_open")

    def __init__(self, socket: DeviceSocket, writes: DeviceWrites) -> None:
        self._socket = socket
        self._writes = writes
        self.frames: list[bytes] = []
        """A message each."""
        self.answers = 0
        """How many of them answer writes. Those have a bound of their own: ``writes`` is told when they are written."""
        self.is_message_open = False
        self._rest: tuple[bytes, ...] = ()
        """What is written as the socket takes it."""
        self._part: ListPart | None = None
        """The part whose remainder ``_rest`` is; ``None``: each frame of ``_rest`` is a message."""

    @property
    def is_sending(self) -> bool:
        """Whether some of what was given to ``send`` or ``send_part`` has not been written."""
        return bool(self._rest)

    @property
    def size_bytes(self) -> int:
        """How many bytes the waiting messages have."""
        return sum(map(len, self.frames))

    @property
    def is_over_bound(self) -> bool:
        """Whether more messages wait than may for a device that does not read."""
        return len(self.frames) - self.answers > MAX_WAITING_FRAMES or self.size_bytes > MAX_WAITING_BYTES

    def held_bytes(self) -> int:
        """Return the size of all that is held for the device, also of what others share."""
        return self._socket.unsent_bytes() + self.size_bytes + sum(map(len, self._rest))

    def send(self, messages: tuple[bytes, ...]) -> None:
        """Write ``messages`` as the socket takes them, behind the ``frames``. Nothing else is being sent."""
        self._rest, self._part = messages, None

    def send_part(self, part: ListPart) -> None:
        """Write ``part`` as the socket takes it. Nothing else is being sent."""
        self._rest, self._part = part.frames, part

    def forget_excess(self) -> int:
        """Of the messages being sent, keep as many as may be kept for a device; return how many were forgotten."""
        fitting, size_bytes = 0, 0
        for message in self._rest[:MAX_WAITING_FRAMES]:
            size_bytes += len(message)
            if size_bytes > MAX_PART_BYTES:
                break
            fitting += 1
        forgotten = len(self._rest) - fitting
        self._rest = self._rest[:fitting]
        return forgotten

    def flush(self) -> None:
        """Write what the socket takes."""
        frames = self.frames
        if frames and not self.is_message_open and not self._socket.is_congested():
            self._socket.write(frames[0] if len(frames) == 1 else b"".join(frames))
            frames.clear()
            if self.answers:
                answers, self.answers = self.answers, 0
                self._writes.answered(answers)
        if self._rest:
            self._write_rest()

    def clear(self) -> None:
        """Forget all that waits."""
        self.frames.clear()
        self._rest, self._part = (), None

    def _write_rest(self) -> None:
        while self._rest and not self._socket.is_congested():
            self._write_chunk()
        if not self._rest:
            self.flush()  # what a message that was open kept waiting

    def _write_chunk(self) -> None:
        rest = self._rest
        count, size_bytes = 1, len(rest[0])
        while count < len(rest) and size_bytes + len(rest[count]) <= CHUNK_BYTES:
            size_bytes += len(rest[count])
            count += 1
        self._socket.write(rest[0] if count == 1 else b"".join(rest[:count]))
        self._rest = rest[count:]
        if self._part is not None:
            self.is_message_open = bool(self._rest) or not self._part.ends_message
            if not self._rest:
                self._part = None
