"""The keys that an issuer publishes: fetched by a timer, compared by their material.

A key is withdrawn when a set that was fetched no longer has it, whatever its id. While no set can be fetched the known
keys stay in use, and tokens that they do not verify are neither accepted nor refused.
"""

import asyncio
import hashlib
import logging
from collections.abc import Collection, Sequence
from functools import partial
from typing import Final

from actors.metrics import IssuerMetrics
from transport.access.key_fetch import FETCH_TIMEOUT_S, KeySetAnswer, check_url, fetch_key_set
from transport.access.key_set import KeySet, parse_key_set
from transport.access.limits import TokenBuckets
from transport.access.signing_keys import Withdrawn, check_public_key_algorithms
from transport.access.verification_key import PUBLIC_KEY_ALGORITHMS
from transport.errors import IssuerUnavailable, KeysUnavailable
from transport.loop.blocking_calls import in_thread

logger = logging.getLogger(__name__)

REFRESH_S: Final = 30.0
"""Between two fetches. What a withdrawn key signed ends within a minute: this, a retry, and the closing of sockets."""
RETRY_S: Final = 2.0
"""Between two fetches while the issuer is away."""
ASKED_PER_S: Final = 0.5
ASKED_BURST: Final = 10
"""How often tokens of unknown keys and wrong signatures may cause a fetch, whoever made them; beyond it they are judged
by the set of some seconds ago."""
_MAX_LOGGED: Final = 5
"""Unusable keys that one line names."""


class JwksKeys:
    """``SigningKeys`` of an issuer's key set. Thread: the event loop.

    Args:
        url: of the set.
        algorithms: allowed; of these a key's type, and its ``alg`` if it has one, decide.
        user_agent: what the issuer is told.
        metrics: counted into.
        refresh_s, retry_s, timeout_s: between fetches, between those while the issuer is away, for one.

    Raises:
        ValueError: names the setting that is wrong.
    """

    may_change = True

    def __init__(
        self,
        url: str,
        algorithms: Sequence[str] = PUBLIC_KEY_ALGORITHMS,
        *,
        user_agent: str = "syncd",
        metrics: IssuerMetrics | None = None,
        refresh_s: float = REFRESH_S,
        retry_s: float = RETRY_S,
        timeout_s: float = FETCH_TIMEOUT_S,
    ) -> None:
        check_public_key_algorithms(algorithms)
        try:
            check_url(url)
        except ValueError as error:
            raise ValueError(f"jwks-url: {error}") from error
        self.algorithms: Collection[str] = tuple(algorithms)
        self.known = KeySet(())
        self._metrics = metrics or IssuerMetrics()
        self._metrics.problem = "the issuer's keys have not been fetched yet"
        self._fetch_set = partial(fetch_key_set, url, user_agent, timeout_s=timeout_s)
        self._refresh_s = refresh_s
        self._retry_s = retry_s
        self._asked = TokenBuckets(ASKED_PER_S, ASKED_BURST)
        self._is_away = False
        self._digest = b""  # of the body that ``known`` was read from
        self._etag: str | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._fetched = asyncio.Event()  # with or without success
        self._withdrawn: Withdrawn = lambda known: None

    async def watch(self, withdrawn: Withdrawn) -> None:
        """Fetch now and then until cancelled; keys that are gone are told at once, whatever caused the fetch."""
        self._withdrawn = withdrawn
        try:
            await self._fetch()
            while True:
                self._fetched.clear()
                try:
                    async with asyncio.timeout(self._refresh_s if self._metrics.problem is None else self._retry_s):
                        await self._fetched.wait()  # for a token: the time counts from there
                except TimeoutError:
                    await self._fetch()
        finally:
            if self._fetching is not None:
                self._fetching.cancel()

    async def refresh(self, tried: KeySet) -> None:
        """Fetch the set, unless ``known`` is another than ``tried`` by then; concurrent callers share a fetch.

        Raises:
            KeysUnavailable: there is no set of any use; an issuer that is known to be away is not waited for.
        """
        if self._fetching is not None and not self._is_away:
            await asyncio.shield(self._fetching)  # it may have begun before the token's key was published
        if self.known is not tried:
            return
        if not self._is_away and (self._fetching is not None or self._may_ask()):
            await self._fetch()
        if self._metrics.problem is not None:
            self._metrics.tokens_undecided += 1
            raise KeysUnavailable("The issuer of the keys is away: whether the token is valid cannot be said now.")

    def _may_ask(self) -> bool:
        return self._asked.acquire("tokens", asyncio.get_running_loop().time()) == 0

    async def _fetch(self) -> None:
        if self._fetching is None:
            self._fetching = asyncio.get_running_loop().create_task(self._fetch_and_learn())
        await asyncio.shield(self._fetching)

    async def _fetch_and_learn(self) -> None:
        try:
            answer = await self._fetch_set(etag=self._etag)
            found = await self._read(answer)
        except (IssuerUnavailable, ValueError) as error:
            self._failed(str(error))
        except Exception:
            logger.exception("a defect: the issuer's key set was not read")
            self._failed("a defect, which the log has with its stack")
        else:
            self._etag = answer.headers.get("ETag", self._etag if answer.body is None else None)
            self._learn(found)
        finally:
            self._fetching = None
            self._fetched.set()

    async def _read(self, answer: KeySetAnswer) -> KeySet:
        """Raises: ValueError."""
        body = answer.body
        if body is None:
            return self.known
        digest = hashlib.sha256(body).digest()
        if digest == self._digest:
            return self.known
        found = await in_thread(lambda: parse_key_set(body, self.algorithms))
        self._digest = digest
        return found

    def _failed(self, reason: str) -> None:
        self._etag = None
        self._metrics.fetch_failures += 1
        self._metrics.problem = f"the issuer's keys cannot be fetched: {reason}"
        if not self._is_away:
            logger.warning("%s; the %d known ones stay in use", self._metrics.problem, len(self.known))
        self._is_away = True

    def _learn(self, found: KeySet) -> None:
        if self._is_away:
            logger.info("the issuer's keys can be fetched again")
        self._is_away = False
        self._metrics.problem = None if len(found) else "the issuer's key set holds no usable key"
        self._metrics.keys = len(found)
        if found is self.known:
            return
        before, self.known = self.known, found
        gone = before.thumbprints - found.thumbprints
        new = found.thumbprints - before.thumbprints
        if gone or new:
            logger.info("the issuer publishes %d usable keys: %d new, %d withdrawn", len(found), len(new), len(gone))
        if found.unusable and found.unusable != before.unusable:
            named = "; ".join(found.unusable[:_MAX_LOGGED])
            logger.warning("%d keys of the issuer's set are not used: %s", len(found.unusable), named)
        if gone:
            self._withdrawn(found.thumbprints)
