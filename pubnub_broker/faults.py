"""Fault switches: what the broker does wrong on purpose, by rules that are set whole and repeat by seed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from pubnub_broker.channels import Delivery

Scope = Literal["all", "publish", "subscribe"]
Probability = Annotated[float, Meta(ge=0, le=1)]

MAX_DELAY_MS = 600_000


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to requests."""

    answer: Literal["refuse", "hang", "truncate", 403, 429, 500] | None = None
    """``refuse``: the connection closes, nothing is answered and nothing done. ``hang``: no answer until the rules
    change, then the connection closes. ``truncate``: the request is done, half of its answer is sent, and the
    connection closes. A number: an error with that status, nothing done. ``None``: the usual answer."""
    delay_ms: Annotated[int, Meta(ge=0, le=MAX_DELAY_MS)] = 0
    """Before anything else happens."""
    probability: Probability = 1.0
    """The share of requests it happens to."""


class FaultRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that goes wrong; the default rules are a broker that works."""

    all: Fault | None = None
    """For requests that neither ``publish`` nor ``subscribe`` speaks of."""
    publish: Fault | None = None
    """For publishes and signals."""
    subscribe: Fault | None = None
    """For long polls."""
    drop: Probability = 0.0
    """The share of deliveries that a subscriber never gets."""
    duplicate: Probability = 0.0
    """The share of deliveries that come twice."""
    reorder: Probability = 0.0
    """The share of deliveries that come after the next one of the same poll. While it is above 0, polls wait a moment
    for more than one message, so that there is something to reorder."""
    queue_limit: Annotated[int, Meta(ge=1)] = 100
    """The newest messages that wait for a poll; older ones are lost, as PubNub's queues overflow."""
    seed: int = 0
    """Each switch throws its own dice: under the same seed it hits, say, the same publishes by their number, whatever
    else goes on meanwhile."""


class Faults:
    """The rules in force. Thread: the event loop."""

    def __init__(self) -> None:
        self._rules = FaultRules()
        self._dice = _dice(self._rules.seed)
        self._changed = asyncio.Event()
        self._watchers: list[Callable[[], None]] = []

    @property
    def rules(self) -> FaultRules:
        """The rules in force: another object after every change."""
        return self._rules

    def set(self, rules: FaultRules) -> None:
        """Put ``rules`` in force at once: waiting polls are answered empty, so that their next ones meet the rules."""
        self._rules = replace(rules)  # another object, also when equal: polls see the change by identity
        self._dice = _dice(rules.seed)
        self._changed.set()
        self._changed = asyncio.Event()
        for watcher in self._watchers:
            watcher()

    def clear(self) -> None:
        """Let everything work again."""
        self.set(FaultRules())

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call ``on_change()`` after every change."""
        self._watchers.append(on_change)

    async def change(self) -> None:
        """Return when the rules change."""
        await self._changed.wait()

    def strike(self, scope: Scope) -> Fault | None:
        """Return what happens to the next request of ``scope``; ``None``: nothing."""
        rules = self._rules
        fault = {"publish": rules.publish, "subscribe": rules.subscribe, "all": None}[scope] or rules.all
        return fault if fault and self._hits(scope, fault.probability) else None

    def disturb(self, deliveries: list[Delivery]) -> list[Delivery]:
        """Return what arrives of one poll's ``deliveries``: some dropped, some twice, some after the next one."""
        rules = self._rules
        if not (rules.drop or rules.duplicate or rules.reorder):
            return deliveries
        arriving = []
        for delivery in deliveries:
            if not self._hits("drop", rules.drop):
                arriving += [delivery, delivery] if self._hits("duplicate", rules.duplicate) else [delivery]
        for later in range(1, len(arriving)):
            if self._hits("reorder", rules.reorder):
                arriving[later - 1], arriving[later] = arriving[later], arriving[later - 1]
        return arriving

    def _hits(self, switch: str, probability: float) -> bool:
        return self._dice[switch].random() < probability

    def refusing(self, scope: Scope = "all", probability: float = 1.0) -> AbstractContextManager[None]:
        """Within, connections close instead of being answered."""
        return self._with_fault(scope, answer="refuse", probability=probability)

    def hanging(self, scope: Scope = "all", probability: float = 1.0) -> AbstractContextManager[None]:
        """Within, requests get no answer."""
        return self._with_fault(scope, answer="hang", probability=probability)

    def truncating(self, scope: Scope = "all", probability: float = 1.0) -> AbstractContextManager[None]:
        """Within, requests are done but their answers arrive in half."""
        return self._with_fault(scope, answer="truncate", probability=probability)

    def answering(
        self, status: Literal[403, 429, 500], scope: Scope = "all", probability: float = 1.0
    ) -> AbstractContextManager[None]:
        """Within, requests are answered with an error."""
        return self._with_fault(scope, answer=status, probability=probability)

    def delaying(self, delay_ms: int, scope: Scope = "all") -> AbstractContextManager[None]:
        """Within, requests wait ``delay_ms`` before anything happens to them."""
        return self._with_fault(scope, delay_ms=delay_ms)

    def dropping(self, probability: float) -> AbstractContextManager[None]:
        """Within, subscribers miss messages."""
        return self._with_rules(drop=probability)

    def duplicating(self, probability: float) -> AbstractContextManager[None]:
        """Within, subscribers get messages twice."""
        return self._with_rules(duplicate=probability)

    def reordering(self, probability: float) -> AbstractContextManager[None]:
        """Within, subscribers get messages after the ones that followed them."""
        return self._with_rules(reorder=probability)

    def overflowing(self, queue_limit: int) -> AbstractContextManager[None]:
        """Within, a poll gets at most ``queue_limit`` messages, the newest."""
        return self._with_rules(queue_limit=queue_limit)

    def _with_fault(self, scope: Scope, **changes: Any) -> AbstractContextManager[None]:
        fault: Fault = getattr(self._rules, scope) or Fault()
        return self._with_rules(**{scope: replace(fault, **changes)})

    @contextmanager
    def _with_rules(self, **changes: Any) -> Iterator[None]:
        before = self._rules
        self.set(replace(before, **changes))
        try:
            yield
        finally:
            self.set(before)


def _dice(seed: int) -> dict[str, Random]:
    switches = ("all", "publish", "subscribe", "drop", "duplicate", "reorder")
    return {switch: Random(f"{seed} {switch}") for switch in switches}  # noqa: S311 - must repeat, not surprise
