"""What must hold when the load is over: nothing lost, nothing twice, nothing left behind."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import aiohttp

from bench.soak.ledger import FIRST_FOREIGN_FILM, USERS, Ledger, contents_after, film
from bench.soak.load import App
from bench.soak.readers import read_changes
from bench.soak.service import Process, Service, figures, until

TIMEOUT_S: Final = 90.0
"""For what has to happen at the end; every 30 s nodes drop users whom nobody needs."""
ZERO: Final = (
    "syncd_total_connections",
    "syncd_active_users",
    "syncd_active_watchlists",
    "syncd_outbox",
    "syncd_mailbox_messages",
)
NEVER: Final = (
    "syncd_actor_restarts_total",
    "syncd_actor_messages_skipped_total",
    "syncd_journal_errors_total",
)
AS_BEFORE: Final = {"syncd_actors": 0, "syncd_tasks": 0, "process_open_fds": 5}
"""Figure -> by how much more there may be at the end than in a node that nobody has used."""


async def everybody_agrees(service: Service, apps: list[App], ledger: Ledger) -> None:
    """Compare what the journal has with what writers were told, and what witnesses, browsers and apps were shown."""
    await _eventually(ledger, "an app's queue is empty", lambda: not any(app.client.queued for app in apps))
    async with aiohttp.ClientSession() as http:
        for user in USERS:
            await read_changes(http, service.url, user, ledger)
            recorded, witnessed = ledger.recorded[user], ledger.witnessed[user]
            await _eventually(ledger, f"{user}'s witness saw everything", lambda: len(witnessed) >= len(recorded))  # noqa: B023
            compare(user, ledger)
            expected = contents_after(recorded)
            for app in (app for app in apps if app.user == user):
                await _eventually(ledger, f"{user}'s app shows the list", lambda: app.contents == expected)  # noqa: B023


def compare(user: str, ledger: Ledger) -> None:
    """Note every difference between what the journal has and what anybody was told."""
    recorded, witnessed, acknowledged = ledger.recorded[user], ledger.witnessed[user], ledger.acknowledged[user]
    if witnessed != recorded:
        ledger.wrong(f"{user}: {len(witnessed)} revisions were shown, and are not the journal's {len(recorded)}")
    contents = dict(enumerate((change.content_id for change in recorded), 1))
    lost = {revision: write for revision, write in acknowledged.items() if contents.get(revision) != write.content_id}
    if lost:
        ledger.wrong(f"{user}: {len(lost)} acknowledged writes are lost: {sorted(lost.items())[:3]}")
    unasked = Counter(content_id for revision, content_id in contents.items() if revision not in acknowledged)
    for content_id, times in unasked.items():
        if content_id < film(FIRST_FOREIGN_FILM):
            ledger.wrong(f"{user}: {content_id} was written more often than asked for: {times}")
        elif times > 1:
            ledger.wrong(f"{user}: {content_id} of a foreign publisher was applied {times} times")
    for listing in ledger.listings[user]:
        if listing.revision > len(recorded) or listing.contents != contents_after(recorded[: listing.revision]):
            ledger.wrong(f"{user}: the list shown at revision {listing.revision} is not the journal's")
    ledger.counts["revisions in the journal"] += len(recorded)
    ledger.counts["adds of foreign publishers applied"] += len(unasked)


async def nothing_is_left(service: Service, idle: dict[str, float], ledger: Ledger) -> None:
    """Wait until each node, which nobody uses any more, is as small as one that nobody has used (``idle``)."""
    for node in service.nodes:
        left: dict[str, float] = {}

        async def is_nothing(node: Process = node) -> bool:
            nonlocal left
            now = await figures(node)
            left = {name: now[name] for name in ZERO if now[name]}
            left |= {name: now[name] for name, more in AS_BEFORE.items() if now[name] > idle[name] + more}
            return not left

        if not await until(is_nothing, TIMEOUT_S):
            ledger.wrong(f"{node.log.stem} has left behind {left}; idle it has {idle}")
        now = await figures(node)
        for name in NEVER:
            if now.get(name):
                ledger.wrong(f"{node.log.stem}: {name} is {now[name]:g}")
        ledger.counts["connections closed by last lives"] += int(now.get("syncd_connections_closed_total", 0))
        ledger.counts["gaps healed by last lives"] += int(now["syncd_gaps_healed_total"])


async def _eventually(ledger: Ledger, what: str, condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    if not await until(holds, TIMEOUT_S):
        ledger.wrong(f"not so after {TIMEOUT_S:.0f} s: {what}")
