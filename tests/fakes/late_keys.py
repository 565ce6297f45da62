"""Keys of an issuer that answers when a test says so."""

import asyncio

from transport.access.key_set import KeySet
from transport.access.signing_keys import FixedKeys
from transport.errors import KeysUnavailable


class LateKeys(FixedKeys):
    """Knows nothing before ``answered``; then it knows ``found``, or the issuer is away if that is ``None``."""

    may_change = True

    def __init__(self, found: FixedKeys | None = None) -> None:
        super().__init__(())
        self.algorithms = ("HS256",)
        self.found = found
        self.asked = asyncio.Event()
        self.answered = asyncio.Event()
        self.given_up = asyncio.Event()

    async def refresh(self, tried: KeySet) -> None:
        self.asked.set()
        try:
            await self.answered.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        if self.found is None:
            raise KeysUnavailable("The issuer is away.")
        self.known = self.found.known
