"""Pages of this machine, which a developer may open on any port; and a word about pages that are refused."""

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

_LOCAL: Final = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")

MAX_SHOWN: Final = 200
"""Characters of an origin that a log line has: a stranger chooses them."""

logger = logging.getLogger(__name__)


class LocalOrigins(Collection[str]):
    """``origins``, and every one of this machine, such as ``http://localhost:3000``: for development."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)

    def __contains__(self, origin: object) -> bool:
        return origin in self._origins or (isinstance(origin, str) and _LOCAL.fullmatch(origin) is not None)

    def __iter__(self) -> Iterator[str]:
        return iter((*self._origins, "http://localhost"))

    def __len__(self) -> int:
        return len(self._origins) + 1


def tell_refused_origin(origin: str, refusals: Counter[str]) -> None:
    """Count and log that pages of ``origin`` may not connect: their browser tells nobody why."""
    refusals["origin"] += 1
    logger.info(
        "a page of %r was refused: allow its origin by --allowed-origins (SYNCD_ALLOWED_ORIGINS)", origin[:MAX_SHOWN]
    )
