"""Make room for lists beside the watchlist, and for what an item carries: lines of their own, data and position."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add a table and columns that the release before leaves alone: its rows are those of watchlists as they are."""
    op.create_table(
        "lists",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("list", sa.Text, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("heads", sa.Column("deleted_revision", sa.BigInteger, nullable=False, server_default="0"))
    for table in ("entries", "operations"):
        op.add_column(table, sa.Column("fields", sa.Text))
