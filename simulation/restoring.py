"""An operator restores the database from a backup, as docs/operations.md says, or forgets a step of it."""

import asyncio
from typing import Final

from simulation.judges.oracle import judge_for_now
from simulation.outside.bus import LATE_S
from simulation.world import World

SHARE_CRASHED: Final = 0.3
"""Of the nodes, which an operator stops before."""
SHARE_FORGOTTEN: Final = 0.4
"""Of the restores, after which nodes are started before the epoch is renewed."""


async def restore(world: World) -> None:
    """Stop every node, restore the database, renew its epoch, and start the nodes."""
    world.log.note("operator", "stops all nodes to restore the database")
    world.database.is_being_restored = True
    await _stop(world)
    await asyncio.sleep(LATE_S)  # the bus does not know of epochs: what it still brings must not reach the new nodes
    for user_id in world.users:
        for text in judge_for_now(world.witness, user_id, world.journal.read(user_id)):
            world.witness.violate(f"before the restore, {user_id}: {text}")
    before = world.journal.heads()
    world.journal.close()
    world.database.restore()
    heads = world.journal.heads()
    world.journal.close()
    world.witness.go_back(heads)
    world.publisher.forget()
    world.log.note("operator", f"has restored the database: {sum(before.values())} revisions are {sum(heads.values())}")
    if heads != before and world.rng.random() < SHARE_FORGOTTEN:
        await _start_too_early(world)
    world.database.renew_epoch()
    world.log.note("operator", "has renewed the epoch")
    world.database.is_being_restored = False
    for node in world.nodes:
        node.start()


async def _stop(world: World) -> None:
    for node in world.nodes:
        if world.rng.random() < SHARE_CRASHED:
            node.crash()
        else:
            node.drain()
    for node in world.nodes:
        await node.gone()


async def _start_too_early(world: World) -> None:
    """A node must not start on a database that has gone back in time."""
    world.database.is_being_restored = False
    for node in world.nodes:
        node.start()
    await asyncio.sleep(world.rng.uniform(3, 8))
    for node in world.nodes:
        if node.node is not None:
            world.witness.violate(f"{node.place} runs on a database that has gone back in time")
    world.database.is_being_restored = True
    await _stop(world)
