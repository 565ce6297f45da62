"""A TCP connection that writes down what it is asked to do, instead of doing it."""

import asyncio


class RecordingTransport(asyncio.Transport):
    """``done``: written bytes as they are, and by name what else was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[bytes | str] = []
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    def write_eof(self) -> None:
        self.done.append("end")

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        if not self._is_closing:
            self.done.append("gone")
        self._is_closing = True

    def abort(self) -> None:
        self.done.append("aborted")
        self._is_closing = True

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        """Do nothing: the test hands in what is read."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: the test says when the peer is congested."""
