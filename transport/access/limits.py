"""Limits for each user and for the node: connections, messages and reads. A refusal says when to try again."""

from collections import Counter
from http import HTTPStatus
from math import ceil

from msgspec import Struct

from transport.errors import Problem
from transport.wire.problems import QUOTA_EXCEEDED, unavailable

MIN_SWEEP = 10_000
"""Buckets kept before full ones, which hold no information, are first dropped."""
RETRY_AFTER_S = 10.0
"""How long a device that was refused a connection is asked to wait."""


MAX_UNREAD_BYTES = 16 * 1024 * 1024
"""How much of one user's lists may be asked for over HTTP and unread: a page of 1,000 items may have 1.3 MB."""


class TokenBuckets:
    """A token bucket per key: ``rate`` tokens a second, up to ``burst`` saved.

    Cost: amortised O(1). Memory: bounded by the keys that were active within ``burst / rate`` seconds.
    Source: RFC 2697's single-rate meter, without colours.
    """

    def __init__(self, rate: float, burst: float, min_sweep: int = MIN_SWEEP) -> None:
        self.rate = rate
        self.burst = burst
        self._buckets: dict[str, tuple[float, float]] = {}
        """Key -> tokens left, and the time of that count."""
        self._min_sweep = self._sweep_at = min_sweep

    def acquire(self, key: str, now_s: float, tokens: int = 1) -> float:
        """Acquire ``tokens`` and return 0; or acquire none and return in how many seconds they will be available."""
        left, then_s = self._buckets.get(key, (self.burst, now_s))
        left = min(self.burst, left + (now_s - then_s) * self.rate)
        if left < min(tokens, self.burst):
            return (min(tokens, self.burst) - left) / self.rate
        self._buckets[key] = (left - tokens, now_s)
        if len(self._buckets) > self._sweep_at:
            self._forget_full(now_s)
            self._sweep_at = max(self._min_sweep, 2 * len(self._buckets))
        return 0.0

    def __len__(self) -> int:
        return len(self._buckets)

    def _forget_full(self, now_s: float) -> None:
        self._buckets = {
            key: (left, then_s)
            for key, (left, then_s) in self._buckets.items()
            if left + (now_s - then_s) * self.rate < self.burst
        }


class Limits(Struct, frozen=True, kw_only=True):
    """The limits; the defaults stop floods, not heavy users."""

    max_connections: int = 100_000
    """On this node."""
    max_connections_per_user: int = 500
    messages_per_second: float = 5_000.0
    """Per user, on this node: writes over HTTP and messages over sockets."""
    message_burst: int = 20_000
    reads_per_second: float = 20.0
    """Per user, on this node: requests for a list, changes or a revision, and sockets that ask for what they missed."""
    read_burst: int = 1_000
    """As many as a user's devices may ask for when they come back together."""


class Quotas:
    """Counts users' connections, messages and reads against the limits. Thread: the event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.refusals: Counter[str] = Counter(
            connections=0, connections_per_user=0, messages=0, reads=0, unread_bytes=0
        )
        """By reason."""
        self._messages = TokenBuckets(limits.messages_per_second, limits.message_burst)
        self._reads = TokenBuckets(limits.reads_per_second, limits.read_burst)
        self._unread_bytes: Counter[str] = Counter()
        """User -> bytes of the answers that are being sent, never 0."""
        self._connections: Counter[str] = Counter()
        self._total = 0

    def connect(self, user_id: str) -> None:
        """Count a connection.

        Raises:
            Problem: a limit is reached and nothing was counted: 503 if the node is full, 429 if the user has too many.
        """
        if self._total >= self.limits.max_connections:
            self.refusals["connections"] += 1
            most = self.limits.max_connections
            detail = f"This node has reached its {most} connections (max_connections)."
            raise unavailable(detail, RETRY_AFTER_S, QUOTA_EXCEEDED)
        if self._connections[user_id] >= self.limits.max_connections_per_user:
            self.refusals["connections_per_user"] += 1
            most = self.limits.max_connections_per_user
            detail = f"This user has {most} connections to this node already (max_connections_per_user)."
            raise too_many(detail, RETRY_AFTER_S)
        self._total += 1
        self._connections[user_id] += 1

    def disconnect(self, user_id: str) -> None:
        """Undo one ``connect``."""
        self._total -= 1
        self._connections[user_id] -= 1
        if not self._connections[user_id]:
            del self._connections[user_id]

    def try_acquire_messages(self, user_id: str, count: int, now_s: float) -> float:
        """Acquire ``count`` messages and return 0; or acquire none and return in how many seconds to try again."""
        wait_s = self._messages.acquire(user_id, now_s, count)
        if wait_s:
            self.refusals["messages"] += 1
        return wait_s

    def acquire_messages(self, user_id: str, count: int, now_s: float) -> None:
        """Acquire ``count`` messages. Raises: Problem, a 429; then none was acquired."""
        wait_s = self.try_acquire_messages(user_id, count, now_s)
        if wait_s:
            rate = self.limits.messages_per_second
            detail = f"This user sends more than {rate:g} messages a second to this node (messages_per_second)."
            raise too_many(detail, wait_s)

    def acquire_read(self, user_id: str, now_s: float) -> None:
        """Acquire one read of the journal. Raises: Problem, a 429; then none was acquired."""
        wait_s = self._reads.acquire(user_id, now_s)
        if wait_s:
            self.refusals["reads"] += 1
            rate = self.limits.reads_per_second
            detail = f"This user reads more than {rate:g} times a second from this node (reads_per_second)."
            raise too_many(detail, wait_s)

    def check_unread(self, user_id: str) -> None:
        """Check that the user reads the lists that were asked for. Raises: Problem, a 429."""
        if self._unread_bytes[user_id] >= MAX_UNREAD_BYTES:
            self.refusals["unread_bytes"] += 1
            detail = f"This user has {MAX_UNREAD_BYTES >> 20} MiB of answers to read from this node (unread_bytes)."
            raise too_many(detail, RETRY_AFTER_S)

    def begin_answer(self, user_id: str, size_bytes: int) -> None:
        """Count a long answer, which is unread until its ``end_answer``."""
        self._unread_bytes[user_id] += size_bytes

    def end_answer(self, user_id: str, size_bytes: int) -> None:
        """Undo one ``begin_answer``."""
        self._unread_bytes[user_id] -= size_bytes
        if not self._unread_bytes[user_id]:
            del self._unread_bytes[user_id]


def too_many(detail: str, retry_after_s: float) -> Problem:
    """Return the answer to a client that is over a limit."""
    headers = {"Retry-After": str(ceil(retry_after_s))}
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers, code=QUOTA_EXCEEDED)
