"""Index the entries by age: a page of a list then costs the same however long the list is."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the index, unless the operator has done so before to keep writes from waiting."""
    op.create_index("entries_by_age", "entries", ["user_id", "timestamp", "added_revision"], if_not_exists=True)
