"""Two nodes upgraded one by one under load, with a migration, and downgraded again: apps see reconnects only."""

import asyncio
import shutil
from pathlib import Path

import pytest

from bench.front import Front
from storage.schema.version import HEAD, schema_version
from tests.scenarios.apps import DRAIN, apps_at_work, journal_agrees, more_is_confirmed
from tests.scenarios.conftest import Bearer, ClusterNode, NatsServer, StartNode

ROOT = Path(__file__).parents[2]
PACKAGES = ("crdt", "actors", "storage", "transport", "pages", "pubnub_broker", "syncd")
NEXT = f"{int(HEAD) + 1:04}"
MIGRATION = f'''
"""Add what this release may leave out."""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{HEAD}"


def upgrade() -> None:
    op.add_column("operations", sa.Column("reason", sa.Text))
    op.add_column("heads", sa.Column("seen", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table("ratings", sa.Column("user_id", sa.Text, primary_key=True), sa.Column("rating", sa.BigInteger))
    op.create_index("heads_by_revision", "heads", ["revision"])
'''


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """This release with one more migration."""
    tree = tmp_path / "next"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package)
    (tree / "storage" / "migrations" / "versions" / f"v{NEXT}_next.py").write_text(MIGRATION)
    schema = tree / "storage" / "schema" / "version.py"
    code = schema.read_text()
    assert f'\nHEAD = "{HEAD}"\n' in code
    schema.write_text(code.replace(f'\nHEAD = "{HEAD}"\n', f'\nHEAD = "{NEXT}"\n'))
    return tree


async def test_two_nodes_roll_to_the_next_schema_and_back_under_load_and_nothing_is_lost(
    tmp_path: Path,
    next_release: Path,
    start_node: StartNode,
    bearer: Bearer,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def restart(node: ClusterNode) -> None:
        assert await node.child.terminate() == 0
        await node.start()
        await more_is_confirmed(apps)

    nats = NatsServer(tmp_path / "nats.log")
    await nats.start()
    nodes = await asyncio.gather(*(start_node(*nats.flags, *DRAIN) for _ in range(2)))
    front = Front(lambda: [int(node.url.rpartition(":")[2]) for node in nodes])
    async with front, apps_at_work(f"ws://127.0.0.1:{front.port}") as apps:
        with monkeypatch.context() as its_code:
            its_code.setenv("PYTHONPATH", str(next_release))
            its_code.setenv("PYTHONSAFEPATH", "1")  # its code, not that of this directory
            await restart(nodes[0])
            assert schema_version(database_url) == NEXT  # while the other node goes on as before
            await restart(nodes[1])
        await restart(nodes[0])  # with what it began with, which was never asked to migrate back
        assert schema_version(database_url) == NEXT
    await journal_agrees(nodes[0].url, apps, bearer)
    await nats.kill()
