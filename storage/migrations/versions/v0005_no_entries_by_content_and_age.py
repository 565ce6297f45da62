"""Drop the second index of the entries: pages are read without it, and every write had to keep it."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Drop what only an early form of 0004 created."""
    op.drop_index("entries_by_content_and_age", "entries", if_exists=True)
