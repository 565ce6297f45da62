"""Make room for users' devices: when each was last seen, on which node it is connected, and which nodes live."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add tables that the release before leaves alone."""
    op.create_table(
        "devices",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("device_id", sa.Text, primary_key=True),
        sa.Column("last_seen_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "presence",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("device_id", sa.Text, primary_key=True),
        sa.Column("node", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("presence_by_node", "presence", ["node"])
    op.create_table(
        "leases",
        sa.Column("node", sa.Text, primary_key=True),
        sa.Column("ends_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
