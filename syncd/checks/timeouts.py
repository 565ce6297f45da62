"""How long a check waits."""

from typing import Final

ANSWER_TIMEOUT_S: Final = 5.0
"""How long a server may take for one answer."""
CHECK_TIMEOUT_S: Final = 6.0
"""How long a whole check may take: longer than one answer, so that a client can still report its own time-out."""
