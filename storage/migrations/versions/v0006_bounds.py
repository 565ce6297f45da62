"""Keep what bounds need: how many items and replicas a user has, and when a replica was last used."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns. Nothing is counted here: a user's first write does, as ``counted_revision`` is behind."""
    for name in ("items", "replicas", "counted_revision"):
        op.add_column("heads", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    today = str(int(time.time()) // 86_400)  # when replicas were used before is not known
    op.add_column("contexts", sa.Column("used_day", sa.BigInteger, nullable=False, server_default=today))
    op.create_index("contexts_by_use", "contexts", ["user_id", "used_day"])
