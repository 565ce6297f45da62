"""What must hold once a world is calm: everybody agrees, and a repeated write changes nothing."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final

from simulation.devices.device import Device
from simulation.devices.http_attempt import HttpAttempt
from simulation.judges.commands import Sent
from simulation.judges.lines import DEVICES, PROGRESS, line_of, line_of_registers, named
from simulation.judges.witness import Item
from simulation.node import LOOK_S
from simulation.people.list_users import SHARED
from simulation.people.operating import CLOSED_S
from simulation.shape import OUTAGES, Fault
from simulation.world import World

CALM_S: Final = 180.0
"""For everything to agree once nothing goes wrong any more: silence is noticed after 60 s, heads are compared every
30 s, and a client's longest pause is 60 s."""
CALM_WITHOUT_WEBSOCKETS_S: Final = 400.0
"""The same where networks refuse upgrades: two WebSockets fail by silence (20 s each), then a stream that a proxy keeps
back, each after a pause."""
RETURN_S: Final = 1000.0
"""For a device to look for a WebSocket again: 15 minutes at most after the last time."""
LONGEST_POLL_S: Final = 40.0
"""For a poll to be overdue that has no end."""
ONLINE_S: Final = 15.0
"""For others to see who is online: the lease of a node that is gone, 10 s, and a transaction."""
MAY_LOSE_COMMANDS: Final = OUTAGES | {fault for fault in Fault if fault.startswith("bus ")}
"""Faults that may lose a command that was sent."""
REPEATED: Final = 10
"""Writes that are repeated at the end."""


async def agree(world: World) -> None:
    """Wait until devices, nodes and the journal agree, and let ``world.witness`` know what does not."""
    calm_s = CALM_WITHOUT_WEBSOCKETS_S if Fault.UPGRADES_ARE_REFUSED in world.shape.faults else CALM_S
    until_s = world.loop.time() + calm_s
    while not world.witness.violations and (disagreements := list(_disagreements(world))):
        if world.loop.time() >= until_s:
            for text in disagreements:
                world.witness.violate(f"after {calm_s:.0f} s of calm {text}")
            return
        await asyncio.sleep(1)
    await be_told_online(world, world.devices, ONLINE_S)
    for name, sent in world.witness.commands.sent.items():
        for text in _lost(world, name, sent):
            world.witness.violate(f"{sent.user_id} {text}")
    for user_id in () if world.witness.violations else world.users:
        for list_id in (None, SHARED) if world.shape.follows else (None,):
            line = line_of(user_id, list_id)
            truth = world.journal.listed(line)
            for node in world.nodes:
                if await world.backend.list(user_id, node, list_id) != truth:
                    world.witness.violate(f"{node.place} tells another list of {named(line)} than the journal holds")
    for user_id in world.users if world.shape.plays and not world.witness.violations else ():
        line = line_of_registers(user_id, PROGRESS)
        for node in world.nodes:
            if await world.backend.progress(user_id, node) != world.journal.registers(line).values:
                world.witness.violate(f"{node.place} tells another {named(line)} than the journal holds")
    if not world.witness.violations:
        await world.lists.check(world.nodes)
        await world.operator.check_revoked(world.devices, world.nodes)


async def leave_with_tokens(world: World) -> None:
    """Wait until nodes have looked for tokens that were revoked: streams and polls with one have ended by then."""
    if not {Fault.UPGRADES_ARE_REFUSED, Fault.TOKENS_ARE_REVOKED} <= world.shape.faults:
        return
    while not world.operator.is_settled:  # noqa: ASYNC110 - it is, once all nodes and the database are there
        await asyncio.sleep(1)
    await asyncio.sleep(LOOK_S + CLOSED_S)
    for device in world.devices:
        link = device.connection if device.is_over_http and device.is_open else None
        if link is not None and link.is_fine and device.token_id in world.witness.revoked:
            world.witness.violate(f"{device.name} is still connected with {device.token_id}, which was revoked")


async def come_back(world: World) -> None:
    """Wait until each device has a WebSocket whose network lets one through, and all agree again."""
    if Fault.UPGRADES_ARE_REFUSED not in world.shape.faults:
        return
    if any(device.is_polling for device in world.devices):
        await asyncio.sleep(LONGEST_POLL_S)
    until_s = world.loop.time() + RETURN_S
    while not world.witness.violations and (elsewhere := [*_without_websocket(world), *_disagreements(world)]):
        if world.loop.time() >= until_s:
            for text in elsewhere:
                world.witness.violate(f"after {RETURN_S:.0f} s in which upgrades pass {text}")
            return
        await asyncio.sleep(1)


def _without_websocket(world: World) -> Iterator[str]:
    for device in world.devices:
        if device.intermediary.refusal is None and device.is_over_http:
            yield f"{device.name} is still connected by {device.core.transport}"


async def be_told_online(world: World, devices: Iterable[Device], longest_s: float) -> None:
    """Wait until the journal says that ``devices`` are online, and nobody else, for ``longest_s`` at most."""
    connected, until_s = {(device.user_id, device.name) for device in devices}, world.loop.time() + longest_s
    while not world.witness.violations and (told := world.journal.online(world.now_ms())) != connected:
        if world.loop.time() >= until_s:
            for user_id, name in sorted(told ^ connected):
                said = "online, and is not connected" if (user_id, name) in told else "offline, and is connected"
                world.witness.violate(f"after {longest_s:.0f} s {name} of {user_id} is said to be {said}")
            return
        await asyncio.sleep(1)


def _lost(world: World, name: str, sent: Sent) -> Iterator[str]:
    """Yield what has not come through of a command, though its connections are those that there were."""
    fine = [device.attempt for device in world.devices if device.connection is not None and device.connection.is_fine]
    if sent.answer is None and sent.carrier in fine:
        yield f"{name} to {sent.target} was never answered"
    if sent.answer == "sent" and sent.goal in fine and not sent.told and not world.shape.faults & MAY_LOSE_COMMANDS:
        yield f"{name} was sent, and {sent.target} was not told"


def _disagreements(world: World) -> Iterator[str]:
    if not (world.backend.is_settled and world.lists.is_settled):
        yield "a backend still writes"
    if not world.operator.is_settled:
        yield "the operator still waits"
    for node in world.nodes:
        if node.node is None:
            yield f"{node.place} does not run"
        elif node.node.metrics.bus.outbox:
            yield f"{node.place} has something to publish"
    truth: dict[str, frozenset[Item]] = {}
    for device in world.devices:
        if device.is_open and device.token_id in world.witness.revoked:
            yield f"{device.name} is connected with {device.token_id}, which was revoked"
        if isinstance(device.attempt, HttpAttempt) and device.attempt.is_overdue:
            yield f"{device.name} waits for what the service owes it by {device.core.transport}"
        if not device.is_settled:
            yield f"{device.name} is {device.core.state} with {device.core.queued} writes"
            continue
        if PROGRESS in device.registers:
            line = line_of_registers(device.user_id, PROGRESS)
            if device.progress != world.journal.registers(line).values:
                yield f"{device.name} shows another progress than the journal holds"
        if DEVICES in device.registers:
            names = world.journal.registers(line_of_registers(device.user_id, DEVICES)).members("device_name")
            online = {one.name for one in world.devices if one.user_id == device.user_id}
            if device.known != {device_id: (name, device_id in online) for device_id, name in names.items()}:
                yield f"{device.name} shows other devices than the journal holds, or others as online"
        for list_id in (None, *device.lists):
            line, shown = line_of(device.user_id, list_id), device.shown(list_id)
            if line not in truth:
                truth[line] = world.journal.listed(line)
            if shown != truth[line]:
                what = "contents" if list_id is None else f"contents in {list_id}"
                yield f"{device.name} shows {len(shown)} {what}, and the journal holds {len(truth[line])}"


async def repeat(world: World) -> None:
    """Repeat some writes that were answered: each must get its first answer, and change nothing."""
    if world.witness.violations or not world.witness.answers:
        return
    before = world.journal.heads()
    for user_id, operation_id in world.rng.choices(list(world.witness.answers), k=REPEATED):
        world.backend.repeat(user_id, operation_id)
    while not world.backend.is_settled:  # noqa: ASYNC110 - they end, each by a time-out if need be
        await asyncio.sleep(1)
    if before != world.journal.heads():
        world.witness.violate("a repeated write has changed a list")
