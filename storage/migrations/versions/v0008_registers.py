"""Make room for registers: collections in which each key has one value, and for what was answered of them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add a table and a column that the release before leaves alone."""
    op.create_table(
        "registers",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("members", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("registers_by_revision", "registers", ["user_id", "revision"])
    op.create_index("registers_by_age", "registers", ["user_id", "timestamp", "revision"])
    op.add_column("answers", sa.Column("value", sa.Text))
