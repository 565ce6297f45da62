"""Users' devices on SQLite or PostgreSQL: what is known of them, and where they are connected.

A node's word on who is connected to it holds until its lease ends, by the database's clock: what a node that is gone
has left is passed over at once, and removed by whichever other node writes next.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from sqlalchemy import bindparam, delete, select, text, update

from actors.messages.devices import (
    Description,
    DeviceFields,
    Devices,
    KnownDevice,
    NotePresence,
    Pair,
    PresenceNoted,
)
from storage.bounds import DEFAULT_BOUNDS, Bounds
from storage.database import Database, Result, Transaction
from storage.statements import Row, Statement, for_update
from storage.tables import devices, leases, presence

CLEARED_AT_ONCE: Final = 500
"""Rows of nodes that are gone which one transaction removes: a millisecond or two."""

_encode: Final = msgspec.json.Encoder().encode

_ROWS: Final = {
    "sqlite": ("json_each(:rows) AS r", "json_extract(r.value, '$[{}]')"),
    "postgresql": ("json_array_elements(CAST(:rows AS json)) AS r(value)", "r.value->>{}"),
}
"""Rows that are given as one parameter, a JSON text: where they are selected from, and a column of them."""


def _for_rows(sql: str, *parameters: str) -> dict[str, Statement]:
    """Return ``sql`` for each database; ``{rows}`` and ``{0}``, ``{1}`` … in it are those of ``:rows``."""
    return {
        name: Statement(text(sql.format(*(column.format(at) for at in range(6)), rows=rows)), *parameters)
        for name, (rows, column) in _ROWS.items()
    }


# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them.
_CAME: Final = _for_rows(
    "INSERT INTO presence (user_id, device_id, node) SELECT {0}, {1}, :node FROM {rows} WHERE true"
    " ON CONFLICT DO NOTHING",
    "node",
    "rows",
)
_KNOW: Final = _for_rows(
    "INSERT INTO devices (user_id, device_id, last_seen_ms) SELECT {0}, {1}, CAST(:now_ms AS bigint) FROM {rows}"
    " WHERE true ON CONFLICT (user_id, device_id) DO UPDATE SET last_seen_ms = excluded.last_seen_ms",
    "now_ms",
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
_FIND_KNOWN: Final = _for_rows(
    "SELECT user_id, device_id FROM devices WHERE (user_id, device_id) IN (SELECT {0}, {1} FROM {rows})", "rows"
)
_FORGET: Final = _for_rows("DELETE FROM devices WHERE (user_id, device_id) IN (SELECT {0}, {1} FROM {rows})", "rows")
_DESCRIBE: Final = _for_rows(
    "INSERT INTO devices (user_id, device_id, name, type, platform, capabilities, last_seen_ms)"
    " SELECT {0}, {1}, {2}, {3}, {4}, {5}, CAST(:now_ms AS bigint) FROM {rows} WHERE true"
    " ON CONFLICT (user_id, device_id) DO UPDATE SET"
    " name = coalesce(excluded.name, devices.name), type = coalesce(excluded.type, devices.type),"
    " platform = coalesce(excluded.platform, devices.platform),"
    " capabilities = coalesce(excluded.capabilities, devices.capabilities)",
    "now_ms",
    "rows",
)
_BEYOND_BOUND: Final = _for_rows(
    "SELECT user_id, count(*) FROM devices WHERE user_id IN (SELECT {0} FROM {rows})"
    " GROUP BY user_id HAVING count(*) > :most",
    "rows",
    "most",
)
_FORGET_OLDEST: Final = Statement(
    text(
        "DELETE FROM devices WHERE user_id = :user_id AND device_id IN (SELECT device_id FROM devices AS d"
        " WHERE user_id = :user_id AND NOT EXISTS"
        " (SELECT 1 FROM presence AS p WHERE p.user_id = d.user_id AND p.device_id = d.device_id)"
        " ORDER BY last_seen_ms, device_id LIMIT :excess)"
    ),
    "user_id",
    "excess",
)
_PUT_LEASE: Final = Statement(
    text(
        "INSERT INTO leases (node, ends_ms) VALUES (:node, :ends_ms)"
        " ON CONFLICT (node) DO UPDATE SET ends_ms = excluded.ends_ms"
    )
)
_OF_NODE: Final = leases.c.node == bindparam("of_node")
_LOCK_LEASE: Final = Statement(for_update(select(leases.c.ends_ms).where(_OF_NODE)))
_CLEAR_LEASE: Final = Statement(update(leases).where(_OF_NODE).values(ends_ms=0))
_DROP_LEASE: Final = Statement(delete(leases).where(_OF_NODE))
_ENDED_LEASES: Final = Statement(
    for_update(
        select(leases.c.node).where(leases.c.ends_ms < bindparam("now_ms"), leases.c.node != bindparam("own")),
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
_ALL_LEFT: Final = Statement(delete(presence).where(presence.c.node == bindparam("on_node")))
_KNOWN: Final = Statement(
    select(devices).where(devices.c.user_id == bindparam("of_user")).order_by(devices.c.device_id), "of_user"
)
_CONNECTED: Final = Statement(
    select(presence.c.device_id, presence.c.node)
    .join_from(presence, leases, leases.c.node == presence.c.node)
    .where(presence.c.user_id == bindparam("of_user"), leases.c.ends_ms >= bindparam("now_ms"))
    .order_by(presence.c.node)
)
_CLOCK: Final = Statement(text("SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)"))


class SqlPresenceStore:
    """Answers ``NotePresence``, ``EndPresence`` and ``FindDevices``, each in a transaction of its own.

    Args:
        database: migrated.
        now_ms: the wall clock, milliseconds since 1970; of SQLite, which has no other than the machine's.
        bounds: of what a user may make grow.
    """

    def __init__(self, database: Database, now_ms: Callable[[], int], bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self._database = database
        self._now_ms = now_ms
        self._bounds = bounds

    def note(self, request: NotePresence) -> PresenceNoted:
        """Do what ``request`` says."""
        with self._database.transaction(writing=True) as transaction:
            now_ms = self._clock(transaction)
            is_kept = _renew_lease(transaction, request.node, now_ms + request.lease_ms)
            self._note_came(transaction, request, now_ms)
            if request.left:
                left = _json(sorted(request.left))
                _execute(transaction, _LEFT, request.node, left)
                _execute(transaction, _SAW, now_ms, left)
            unknown = _describe(transaction, request.descriptions, now_ms) + _forget(transaction, request.forgotten)
            self._keep_bound(transaction, request)
            has_more = _clear(transaction, request.node, None if request.is_alone else now_ms)
        return PresenceNoted(is_lease_kept=is_kept, unknown=tuple(unknown), has_more=has_more)

    def end(self, node: str) -> None:
        """Take everybody who is connected to ``node`` for gone. Cost: O(their number)."""
        with self._database.transaction(writing=True) as transaction:
            transaction.execute(_SAW_ALL_ON_NODE, (self._clock(transaction), node))
            transaction.execute(_ALL_LEFT, (node,))
            transaction.execute(_DROP_LEASE, (node,))

    def devices(self, user_id: str) -> Devices:
        """Return the user's devices."""
        with self._database.transaction(writing=False) as transaction:
            now_ms = self._clock(transaction)
            known = transaction.execute(_KNOWN, (user_id,)).fetchall()
            connected = transaction.execute(_CONNECTED, (user_id, now_ms)).fetchall()
        nodes: dict[str, list[str]] = {}
        for device_id, node in connected:
            nodes.setdefault(device_id, []).append(node)
        return Devices(tuple([_known_device(row, tuple(nodes.get(row[1], ())), now_ms) for row in known]))

    def _clock(self, transaction: Transaction) -> int:
        if transaction.dialect.name != "postgresql":
            return self._now_ms()
        ((now_ms,),) = transaction.execute(_CLOCK).fetchall()
        return int(now_ms)

    def _note_came(self, transaction: Transaction, request: NotePresence, now_ms: int) -> None:
        if not request.came:
            return
        came = _json(sorted(request.came))  # in one order: two nodes' transactions must not wait for each other
        _execute(transaction, _CAME, request.node, came)
        _execute(transaction, _KNOW, now_ms, came)

    def _keep_bound(self, transaction: Transaction, request: NotePresence) -> None:
        new = {*request.came, *((one.user_id, one.device_id) for one in request.descriptions if one.is_own)}
        most = self._bounds.devices_per_user
        beyond = _execute(transaction, _BEYOND_BOUND, _json(sorted(new)), most).fetchall() if new else ()
        for user_id, count in beyond:
            transaction.execute(_FORGET_OLDEST, (user_id, count - most))


def _renew_lease(transaction: Transaction, node: str, ends_ms: int) -> bool:
    """Let the lease end at ``ends_ms``, and return whether it had not been cleared."""
    found = transaction.execute(_LOCK_LEASE, (node,)).fetchall()
    transaction.execute(_PUT_LEASE, (node, ends_ms))
    return bool(found) and found[0][0] > 0


def _describe(transaction: Transaction, descriptions: Iterable[Description], now_ms: int) -> list[Pair]:
    """Keep what is said of devices, and return those of which it is not, because they are not known."""
    by_device = {(one.user_id, one.device_id): one for one in descriptions}
    if not by_device:
        return []
    known = _known(transaction, [pair for pair, one in by_device.items() if not one.is_own])
    rows = [(*pair, *_columns(one.fields)) for pair, one in sorted(by_device.items()) if one.is_own or pair in known]
    if rows:
        _execute(transaction, _DESCRIBE, now_ms, _json(rows))
    return [pair for pair, one in by_device.items() if not one.is_own and pair not in known]


def _forget(transaction: Transaction, forgotten: tuple[Pair, ...]) -> list[Pair]:
    """Forget devices, and return those that were not known."""
    known = _known(transaction, forgotten)
    if known:
        _execute(transaction, _FORGET, _json(sorted(known)))
    return [pair for pair in forgotten if pair not in known]


def _known(transaction: Transaction, pairs: Iterable[Pair]) -> set[Pair]:
    wanted = sorted(pairs)
    found = _execute(transaction, _FIND_KNOWN, _json(wanted)).fetchall() if wanted else ()
    return {(user_id, device_id) for user_id, device_id in found}


def _clear(transaction: Transaction, own: str, now_ms: int | None) -> bool:
    """Remove what nodes have left whose lease has ended (``None``: all but ``own``); return whether there is more.

    A lease that is 0 while that goes on tells a node that comes back that its rows may be gone.
    """
    ended = transaction.execute(_ENDED_LEASES, (2**62 if now_ms is None else now_ms, own)).fetchall()
    for (node,) in ended:
        rows = [tuple(row) for row in transaction.execute(_ON_NODE, (node, CLEARED_AT_ONCE)).fetchall()]
        if rows:
            _execute(transaction, _LEFT, node, _json(rows))
        if len(rows) == CLEARED_AT_ONCE:
            transaction.execute(_CLEAR_LEASE, (node,))
            return True
        transaction.execute(_DROP_LEASE, (node,))
    return False


def _execute(transaction: Transaction, statements: dict[str, Statement], *parameters: object) -> Result:
    return transaction.execute(statements[transaction.dialect.name], parameters)


def _json(rows: object) -> str:
    return _encode(rows).decode()


def _columns(fields: DeviceFields) -> Row:
    capabilities = None if fields.capabilities is None else _json(fields.capabilities)
    return fields.device_name, fields.device_type, fields.platform, capabilities


def _known_device(row: Row, nodes: tuple[str, ...], now_ms: int) -> KnownDevice:
    _, device_id, name, kind, platform, capabilities, last_seen_ms = row
    fields = DeviceFields(
        device_name=name,
        device_type=kind,
        platform=platform,
        capabilities=None if capabilities is None else msgspec.json.decode(capabilities),
    )
    return KnownDevice(device_id=device_id, fields=fields, last_seen_ms=now_ms if nodes else last_seen_ms, nodes=nodes)
