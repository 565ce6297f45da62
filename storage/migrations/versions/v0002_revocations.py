"""Create the revocations, and their version."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table, empty at version 0."""
    op.create_table(
        "revocations",
        sa.Column("token_id", sa.Text, primary_key=True),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("revocations_by_version", "revocations", ["version"], unique=True)
    meta = sa.table("meta", sa.column("key"), sa.column("value"))
    op.bulk_insert(meta, [{"key": "revocations", "value": "0"}])
