"""The journal's tables, as the newest migration leaves them.

A user's state is spread over rows, so that a write reads and writes only a few of them, however long the list is:
``heads`` counts, ``entries`` are the OR-Set's live tags, ``contexts`` its causal context by replica, ``operations``
the history that can be replayed, ``answers`` what was answered to an ``operation_id`` that is not in the history.
All of that is by *line*: a collection of a user. In the databases the column is ``user_id``, as it was when a user had
a watchlist only, whose line that is; the line of another collection (``actors.messages.collections``) is no user's id.
``lists`` says which of them there are.
Of collections that are registers there is a row of ``heads``, whose ``items`` are the keys that have a value and whose
``replicas`` are those that were removed, and ``registers`` in place of the rest.

``devices`` says when each device was last seen that has a value among its user's registers, ``presence`` where devices
are connected, and ``leases`` until when each node's word on that holds. ``revocations`` are the tokens that are refused
before they expire.

What only one database knows, as ``WITHOUT ROWID``, is in the migrations alone: naming it would load its dialect.
"""

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text

metadata = MetaData()

EPOCH = "epoch"
TIMELINE = "timeline"  # of the PostgreSQL server that the epoch is of: see promotion.py
CONTENT_IDS = "content_ids"  # which ids contents have, if not UUIDs: see content_ids.py
COMPATIBILITY = "compatible_from"  # the oldest schema whose release can work with this one: see version.py
REVOCATIONS = "revocations"  # the version of the newest revocation
meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

heads = Table(
    "heads",
    metadata,
    Column("user_id", Text, key="line", primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("first_revision", BigInteger, nullable=False),  # the oldest kept in ``operations``
    Column("minted", BigInteger, nullable=False),  # the counter of the last tag that the journal minted
    Column("clock", BigInteger, nullable=False),  # HLC, packed; so is every ``timestamp`` below
    Column("clock_node", Text, nullable=False),
    Column("items", BigInteger, nullable=False, server_default="0"),  # contents with a row in ``entries``
    Column("replicas", BigInteger, nullable=False, server_default="0"),  # rows in ``contexts``
    # At which both were counted. Behind ``revision``: a node of a release that does not count has written meanwhile.
    Column("counted_revision", BigInteger, nullable=False, server_default="0"),
    # In the row of a user's watchlist: the highest at which a list of the user was deleted. New lists go on from there.
    Column("deleted_revision", BigInteger, nullable=False, server_default="0"),
)

lists = Table(
    "lists",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("list", Text, primary_key=True),
    Column("title", Text, nullable=False),
)

# The journal's own replica is ``heads.minted``; there is a row here for every other replica that ever named a tag.
contexts = Table(
    "contexts",
    metadata,
    Column("user_id", Text, key="line", primary_key=True),
    Column("replica", Text, primary_key=True),
    Column("context", Text, nullable=False),  # of this replica alone; ``storage/schema/rows.py`` says how
    Column("used_day", BigInteger, nullable=False, server_default="0"),  # when it last named a new tag, since 1970
    Index("contexts_by_use", "line", "used_day"),
)

entries = Table(
    "entries",
    metadata,
    Column("user_id", Text, key="line", primary_key=True),
    Column("content_id", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("added_revision", BigInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("node", Text, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("fields", Text),  # JSON: what the item carries; ``storage/schema/rows.py`` says how. NULL: nothing
)

# For lists: a user's newest tags first.
Index("entries_by_age", entries.c.line, entries.c.timestamp, entries.c.added_revision)

operations = Table(
    "operations",
    metadata,
    Column("user_id", Text, key="line", primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("content_id", Text, nullable=False),
    Column("tags", Text, nullable=False),  # JSON
    Column("timestamp", BigInteger, nullable=False),
    Column("node", Text, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("operation_id", Text),
    Column("recorded_ms", BigInteger, nullable=False),  # our wall clock at commit; ``timestamp`` may be much older
    Column("status", Text),  # what was answered; NULL: written by a release that did not keep it
    # JSON: what the item carries after it, as devices are shown it, and whether its tag is the only one. NULL: nothing
    Column("fields", Text),
)
Index(
    "operations_by_operation_id",
    operations.c.line,
    operations.c.operation_id,
    unique=True,
)

# From ``revision`` to ``device_id`` as in ``operations``: the update that was answered with, NULL if there was none.
answers = Table(
    "answers",
    metadata,
    Column("user_id", Text, key="line", primary_key=True),
    Column("operation_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("content_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("field", Text),
    Column("revision", BigInteger),
    Column("tags", Text),
    Column("timestamp", BigInteger),
    Column("node", Text),
    Column("device_id", Text),
    Column("recorded_ms", BigInteger, nullable=False),  # our wall clock when it was first given
    Column("value", Text),  # JSON, of a register: its value after the operation. NULL: it had none, or it is of a set
    Index("answers_by_recorded_ms", "recorded_ms"),
)

# Each key's value, and its history: the newest operation of each, at ``revision``. One that was removed stays, so that
# an older word on it that arrives later is known to be that.
registers = Table(
    "registers",
    metadata,
    Column("user_id", Text, key="line", primary_key=True),
    Column("key", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),  # the greatest of ``members``
    Column("node", Text, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),  # our wall clock at commit
    Column("state", Text),  # ``RegisterKind.state_of``. NULL: it was removed
    Column("members", Text, nullable=False),  # JSON: of each its value and stamp; ``storage/schema/rows.py`` says how
    Index("registers_by_revision", "line", "revision"),
    Index("registers_by_age", "line", "timestamp", "revision"),
)

revocations = Table(
    "revocations",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("expires_at", BigInteger),  # seconds since 1970; NULL: never
    Column("version", BigInteger, nullable=False),
    Index("revocations_by_version", "version", unique=True),
)

devices = Table(
    "devices",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("last_seen_ms", BigInteger, nullable=False),  # when it came or went last, or became known
)

# A device is online on a node while there is a row here and the node's lease has not ended.
presence = Table(
    "presence",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Index("presence_by_node", "node"),
)

leases = Table(
    "leases",
    metadata,
    Column("node", Text, primary_key=True),
    Column("ends_ms", BigInteger, nullable=False),  # by the database's clock; not above 0: others clear its rows
)
