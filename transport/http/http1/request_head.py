"""The headers of a request, whoever answers it."""

from collections.abc import Sequence
from typing import Final

from typing_extensions import override

Field = tuple[bytes, bytes]
"""A header line as it was sent, its name in lower case."""


class _Trailers(list[Field]):
    @override
    def append(self, _trailer: Field) -> None:
        """Forget it."""


TRAILERS: Final = _Trailers()
"""Where trailers go: they must not count as headers (RFC 9110 section 6.5.1), as they would to uvicorn."""


class RequestHead:
    """A request's header lines, by name."""

    __slots__ = ("_lines", "headers")

    def __init__(self, lines: Sequence[Field]) -> None:
        self._lines = lines
        self.headers: dict[bytes, bytes] = dict(lines)
        """Lower-case name -> value; of a header sent twice, the last."""

    def header(self, name: bytes) -> str:
        """Return a header's value, empty if it was not sent; its lines are one list (RFC 9110 section 5.3)."""
        return b",".join(value for key, value in self._lines if key == name).decode("latin-1")

    def values(self, name: bytes) -> list[str]:
        """Return the value of each line of a header."""
        return [value.decode("latin-1") for key, value in self._lines if key == name]

    def is_repeated(self, name: bytes) -> bool:
        """Return whether a header was sent in more than one line."""
        return len(self.headers) < len(self._lines) and sum(key == name for key, _ in self._lines) > 1
