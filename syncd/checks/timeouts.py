"""How long a check waits."""

from typing import Final

ANSWER_TIMEOUT_S: Final = 5.0
"""For one answer of a server."""
CHECK_TIMEOUT_S: Final = 6.0
"""For a whole check: longer than one answer, so that a client can still report its own time-out."""
