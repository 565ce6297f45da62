"""Create the answers to operations that the history does not hold."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table, empty. The operations of an older release, which writes no status, stay valid answers."""
    op.add_column("operations", sa.Column("status", sa.Text))
    op.create_table(
        "answers",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("operation_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("content_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("field", sa.Text),
        sa.Column("revision", sa.BigInteger),
        sa.Column("tags", sa.Text),
        sa.Column("timestamp", sa.BigInteger),
        sa.Column("node", sa.Text),
        sa.Column("device_id", sa.Text),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("answers_by_recorded_ms", "answers", ["recorded_ms"])
