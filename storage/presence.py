"""Users' devices on SQLite or PostgreSQL: where they are connected, and when they were last seen.

A node's word on who is connected to it holds until its lease ends, by the database's clock: rows of a node that is gone
are passed over at once, and removed by whichever other node writes next.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import bindparam, delete, or_, select, text, update

from actors.messages.collections import DEVICES, line_of
from actors.messages.device_registers import fields_of
from actors.messages.devices import (
    Devices,
    DeviceSeen,
    KnownDevice,
    KnownFields,
    NotePresence,
    Pair,
    PresenceEnded,
    PresenceNoted,
    UserDevicesSeen,
)
from storage.databases.database import Database, Result, Transaction
from storage.databases.statements import Row, Statement, for_update
from storage.journal.registers import newest_update_of
from storage.schema.tables import devices, leases, presence, registers

TOLD_AT_END: Final = 1_000
"""How many devices are said to be gone when their node stops; those who follow hear of others within half a minute."""
CLEARED_AT_ONCE: Final = 500
"""How many rows of nodes that are gone one transaction removes: a millisecond or two."""

_encode: Final = msgspec.json.Encoder().encode

_ROWS: Final = {
    "sqlite": ("json_each(:rows) AS r", "json_extract(r.value, '$[{}]')", ""),
    "postgresql": ("json_array_elements(CAST(:rows AS json)) AS r(value)", "r.value->>{}", "FOR UPDATE SKIP LOCKED"),
}
"""Rows that are given as one parameter, a JSON text: where they are selected from, and a column of them. Also what
leaves out rows that others have locked."""


def _for_rows(sql: str, *parameters: str) -> dict[str, Statement]:
    """Return ``sql`` for each database; ``{rows}`` and ``{0}``, ``{1}`` … in it are those of ``:rows``."""
    return {
        name: Statement(text(sql.format(*(column.format(at) for at in range(2)), rows=rows, free=free)), *parameters)
        for name, (rows, column, free) in _ROWS.items()
    }


# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them.
_CAME: Final = _for_rows(
    "INSERT INTO presence (user_id, device_id, node) SELECT {0}, {1}, :node FROM {rows} WHERE true"
    " ON CONFLICT DO NOTHING",
    "node",
    "rows",
)
_LEFT: Final = _for_rows(
    "DELETE FROM presence WHERE (user_id, device_id, node) IN (SELECT {0}, {1}, :node FROM {rows})", "node", "rows"
)
_SAW: Final = _for_rows(
    "UPDATE devices SET last_seen_ms = :now_ms WHERE (user_id, device_id) IN (SELECT {0}, {1} FROM {rows})",
    "now_ms",
    "rows",
)
_SAW_UNTIL: Final = _for_rows(
    # Whoever has locked a row sees its device come or go, or forgets it; and two nodes must not wait for each other.
    "UPDATE devices SET last_seen_ms = :until_ms WHERE (user_id, device_id) IN (SELECT user_id, device_id FROM devices"
    " WHERE last_seen_ms < :until_ms AND (user_id, device_id) IN (SELECT {0}, {1} FROM {rows}) {free})",
    "until_ms",
    "rows",
)
_FIND_KNOWN: Final = _for_rows(
    "SELECT user_id, device_id, last_seen_ms FROM devices WHERE (user_id, device_id) IN (SELECT {0}, {1} FROM {rows})",
    "rows",
)
_FIND_CONNECTED: Final = _for_rows(
    "SELECT p.user_id, p.device_id, p.node FROM presence AS p JOIN leases AS l ON l.node = p.node"
    " WHERE l.ends_ms >= :now_ms AND p.user_id IN (SELECT {0} FROM {rows})",
    "now_ms",
    "rows",
)
_PUT_LEASE: Final = Statement(
    text(
        "INSERT INTO leases (node, ends_ms) VALUES (:node, :ends_ms)"
        " ON CONFLICT (node) DO UPDATE SET ends_ms = excluded.ends_ms"
    )
)
_OF_NODE: Final = leases.c.node == bindparam("of_node")
_LOCK_LEASE: Final = Statement(for_update(select(leases.c.ends_ms).where(_OF_NODE)))
_CLEAR_LEASE: Final = Statement(
    update(leases).where(_OF_NODE).values(ends_ms=bindparam("cleared_ms")), "of_node", "cleared_ms"
)
_DROP_LEASE: Final = Statement(delete(leases).where(_OF_NODE))
_ENDED_LEASES: Final = Statement(
    for_update(
        select(leases.c.node, leases.c.ends_ms).where(
            or_(leases.c.ends_ms < bindparam("now_ms"), leases.c.ends_ms > bindparam("far_ms")),
            leases.c.node != bindparam("own"),
        ),
        skip_locked=True,
    )
)
_ON_NODE: Final = Statement(
    select(presence.c.user_id, presence.c.device_id)
    .where(presence.c.node == bindparam("on_node"))
    .order_by(presence.c.user_id, presence.c.device_id)
    .limit(bindparam("most"))
)
_SAW_ALL_ON_NODE: Final = Statement(
    text(
        "UPDATE devices SET last_seen_ms = :now_ms WHERE (user_id, device_id) IN"
        " (SELECT user_id, device_id FROM presence WHERE node = :node)"
    )
)
_ALONE_ON_NODE: Final = Statement(
    text(
        "SELECT p.user_id, p.device_id FROM presence AS p WHERE p.node = :node"
        " AND EXISTS (SELECT 1 FROM presence AS o JOIN leases AS l ON l.node = o.node WHERE o.user_id = p.user_id"
        " AND o.node <> p.node AND l.ends_ms >= :now_ms)"
        " AND NOT EXISTS (SELECT 1 FROM presence AS o JOIN leases AS l ON l.node = o.node WHERE o.user_id = p.user_id"
        " AND o.device_id = p.device_id AND o.node <> p.node AND l.ends_ms >= :now_ms)"
        " ORDER BY p.user_id, p.device_id LIMIT :most"
    ),
    "node",
    "now_ms",
    "most",
)
_ALL_LEFT: Final = Statement(delete(presence).where(presence.c.node == bindparam("on_node")))
_KNOWN: Final = Statement(
    select(devices.c.last_seen_ms, registers)
    .join_from(devices, registers, registers.c.key == devices.c.device_id)
    .where(devices.c.user_id == bindparam("of_user"), registers.c.line == bindparam("of_line"))
    .order_by(devices.c.device_id),
    "of_user",
    "of_line",
)
_CONNECTED: Final = Statement(
    select(presence.c.device_id, presence.c.node, leases.c.ends_ms)
    .join_from(presence, leases, leases.c.node == presence.c.node)
    .where(presence.c.user_id == bindparam("of_user"))
    .order_by(presence.c.node)
)
_CLOCK: Final = Statement(text("SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)"))


class SqlPresenceStore:
    """Answers ``NotePresence``, ``EndPresence`` and ``FindDevices``, each in a transaction of its own.

    Users' writes wait behind those that write, which therefore wait for others' locks only briefly.

    Args:
        database: migrated.
        now_ms: the wall clock, milliseconds since 1970; of SQLite, which has no other than the machine's.
    """

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def note(self, request: NotePresence) -> PresenceNoted:
        """Renew the node's lease, and note who came and who left."""
        came, left = set(request.came), set(request.left)
        with self._database.transaction(writing=True, waits_briefly=True) as transaction:
            now_ms = self._clock(transaction)
            is_kept = _renew_lease(transaction, request.node, now_ms + request.lease_ms)
            # In one order: two nodes' transactions must not wait for each other.
            if came:
                _execute(transaction, _CAME, request.node, _json(sorted(came)))
            if left:
                _execute(transaction, _LEFT, request.node, _json(sorted(left)))
            if came or left:
                _execute(transaction, _SAW, now_ms, _json(sorted(came | left)))
            cleared, has_more = _clear(transaction, request, now_ms)
            known = _last_seen_ms(transaction, came.union(request.visited, request.recorded, cleared))
            nodes = _nodes(transaction, came.union(left, cleared, request.recorded), now_ms)
        seen = [
            (pair[0], DeviceSeen(pair[1], is_online=is_online, last_seen_ms=known.get(pair, now_ms)))
            for pair, is_online in _changed(request, cleared, nodes).items()
        ]
        return PresenceNoted(
            is_lease_kept=is_kept,
            unknown=tuple(sorted(came.union(request.visited) - known.keys())),
            seen=_by_user(seen, {user_id for (user_id, _), on in nodes.items() if on - {request.node}}),
            has_more=has_more,
        )

    def end(self, node: str) -> PresenceEnded:
        """Note everybody who is connected to ``node`` as gone. Cost: O(their number)."""
        with self._database.transaction(writing=True, waits_briefly=True) as transaction:
            now_ms = self._clock(transaction)
            gone = transaction.execute(_ALONE_ON_NODE, (node, now_ms, TOLD_AT_END)).fetchall()
            transaction.execute(_SAW_ALL_ON_NODE, (now_ms, node))
            transaction.execute(_ALL_LEFT, (node,))
            transaction.execute(_DROP_LEASE, (node,))
        seen = [(user_id, DeviceSeen(device_id, is_online=False, last_seen_ms=now_ms)) for user_id, device_id in gone]
        return PresenceEnded(_by_user(seen, {user_id for user_id, _ in gone}))

    def devices(self, user_id: str) -> Devices:
        """Return the user's devices."""
        with self._database.transaction(writing=False) as transaction:
            now_ms = self._clock(transaction)
            known = transaction.execute(_KNOWN, (user_id, line_of(user_id, DEVICES))).fetchall()
            connected = transaction.execute(_CONNECTED, (user_id,)).fetchall()
        nodes: dict[str, list[str]] = {}
        gone_ms: dict[str, int] = {}
        for device_id, node, ends_ms in connected:
            if ends_ms >= now_ms:
                nodes.setdefault(device_id, []).append(node)
            else:
                gone_ms[device_id] = max(abs(ends_ms), gone_ms.get(device_id, 0))
        listed = tuple([_known_device(row, nodes, gone_ms, now_ms) for row in known])
        for device in listed:
            nodes.pop(device.device_id, None)
        return Devices(listed, {device_id: tuple(on) for device_id, on in nodes.items()})

    def _clock(self, transaction: Transaction) -> int:
        if transaction.dialect.name != "postgresql":
            return self._now_ms()
        ((now_ms,),) = transaction.execute(_CLOCK).fetchall()
        return int(now_ms)


def _renew_lease(transaction: Transaction, node: str, ends_ms: int) -> bool:
    """Let the lease end at ``ends_ms``, and return whether it had not been cleared."""
    found = transaction.execute(_LOCK_LEASE, (node,)).fetchall()
    transaction.execute(_PUT_LEASE, (node, ends_ms))
    return bool(found) and found[0][0] > 0


def _last_seen_ms(transaction: Transaction, pairs: Iterable[Pair]) -> dict[Pair, int]:
    """Return when those of ``pairs`` were last seen that are known."""
    wanted = sorted(pairs)
    found = _execute(transaction, _FIND_KNOWN, _json(wanted)).fetchall() if wanted else ()
    return {(user_id, device_id): last_seen_ms for user_id, device_id, last_seen_ms in found}


def _nodes(transaction: Transaction, pairs: Iterable[Pair], now_ms: int) -> dict[Pair, set[str]]:
    """Return where the devices of the users of ``pairs`` are connected."""
    users = sorted({(user_id,) for user_id, _ in pairs})
    found = _execute(transaction, _FIND_CONNECTED, now_ms, _json(users)).fetchall() if users else ()
    nodes: dict[Pair, set[str]] = {}
    for user_id, device_id, node in found:
        nodes.setdefault((user_id, device_id), set()).add(node)
    return nodes


def _changed(request: NotePresence, cleared: Iterable[Pair], nodes: Mapping[Pair, set[str]]) -> dict[Pair, bool]:
    """Return which devices came online or went offline; not those that were, or are, on another node as well."""
    changed = dict.fromkeys([pair for pair in (*cleared, *request.left) if pair not in nodes], False)
    changed |= dict.fromkeys([pair for pair in request.came if nodes.get(pair) == {request.node}], True)
    return changed | {pair: pair in nodes for pair in request.recorded}


def _by_user(seen: Iterable[tuple[str, DeviceSeen]], elsewhere: Container[str]) -> tuple[UserDevicesSeen, ...]:
    of_user: dict[str, list[DeviceSeen]] = {}
    for user_id, one in seen:
        of_user.setdefault(user_id, []).append(one)
    return tuple([UserDevicesSeen(user_id, tuple(some), user_id in elsewhere) for user_id, some in of_user.items()])


def _clear(transaction: Transaction, request: NotePresence, now_ms: int) -> tuple[list[Pair], bool]:
    """Remove what nodes have left whose lease has ended, or all others have if the node is alone.

    Returns what it was, and whether there is more of it.

    The devices were there until the lease ended. While that goes on the lease is negative, which tells a node that
    comes back that its rows may be gone. A lease that ends later than any can was written before the clock was put
    back: from now on it is as long as the others.
    """
    before_ms, far_ms = (2**62, 2**62) if request.is_alone else (now_ms, now_ms + 2 * request.lease_ms)
    ended = transaction.execute(_ENDED_LEASES, (before_ms, far_ms, request.node)).fetchall()
    cleared: list[Pair] = []
    for node, ends_ms in ended:
        if ends_ms >= before_ms:
            transaction.execute(_PUT_LEASE, (node, now_ms + request.lease_ms))
            continue
        until_ms = min(abs(ends_ms), now_ms)
        rows = [
            (user_id, device_id)
            for user_id, device_id in transaction.execute(_ON_NODE, (node, CLEARED_AT_ONCE)).fetchall()
        ]
        if rows:
            _execute(transaction, _LEFT, node, _json(rows))
            _execute(transaction, _SAW_UNTIL, until_ms, _json(rows))
            cleared += rows
        if len(rows) == CLEARED_AT_ONCE:
            transaction.execute(_CLEAR_LEASE, (node, -until_ms))
            return cleared, True
        transaction.execute(_DROP_LEASE, (node,))
    return cleared, False


def _execute(transaction: Transaction, statements: dict[str, Statement], *parameters: object) -> Result:
    return transaction.execute(statements[transaction.dialect.name], parameters)


def _json(rows: object) -> str:
    return _encode(rows).decode()


def _known_device(row: Row, nodes: Mapping[str, Sequence[str]], gone_ms: Mapping[str, int], now_ms: int) -> KnownDevice:
    """Return the device in a row of ``_KNOWN``; ``gone_ms``: when the last lease ended under which it was online."""
    latest = newest_update_of(row[1:])
    here = tuple(nodes.get(latest.key, ()))
    last_seen_ms = now_ms if here else max(row[0], gone_ms.get(latest.key, 0))
    said = fields_of(latest.values)
    if "capabilities" in said:
        said["capabilities"] = _encode(said["capabilities"])
    return KnownDevice(device_id=latest.key, fields=KnownFields(**said), last_seen_ms=last_seen_ms, nodes=here)
