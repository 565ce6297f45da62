"""What happens in a world, one step at a time: users write, and things go wrong."""

import asyncio
from collections.abc import Callable
from itertools import accumulate
from typing import Final, get_args

from actors.messages.close_codes import SLOW_CONSUMER
from simulation.between import Between
from simulation.devices.device import Device
from simulation.node import SimulatedNode
from simulation.outside.network import Connection
from simulation.outside.store import Moment
from simulation.people.register_users import play, rename
from simulation.restoring import restore
from simulation.shape import Fault
from simulation.world import World

Step = Callable[[], None]

GIVE_UP_S: Final = 27.0
"""For a node to ping (5 s), to look (5 s), to see nothing taken (7.5 s), to close (5 s): see ``IMPATIENT_S``. If the
link was silent before: to hear nothing (15 s), to look, to close, and the end to arrive. Less than a device waits."""
MOMENTS: Final[tuple[Moment, ...]] = get_args(Moment)


class Steps:
    """Draws and takes steps; those that a shape's faults allow."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.rng
        faults: dict[str, tuple[int, Step]] = {
            Fault.FOREIGNERS_PUBLISH: (8, self._publish_from_outside),
            Fault.BUS_IS_AWAY: (2, self._break_bus),
            Fault.BUS_IS_SILENT: (2, self._silence_bus),
            Fault.NETWORK_IS_LOST: (4, lambda: self._lose_network(is_noticed=True)),
            Fault.NETWORK_FALLS_SILENT: (2, lambda: self._lose_network(is_noticed=False)),
            Fault.LINK_STALLS: (4, self._stall_link),
            Fault.LINK_TAKES_NOTHING: (2, self._choke_link),
            Fault.APP_IS_KILLED: (4, self._kill_app),
            Fault.NODE_CRASHES: (2, self._crash_node),
            Fault.NODE_DRAINS: (1, self._drain_node),
            Fault.NODE_PAUSES: (2, self._pause_node),
            Fault.CLOCKS_STEP: (3, self._step_clock),
            Fault.WRITER_DIES: (3, self._kill_writer),
            Fault.OPERATOR_DISCONNECTS: (3, self._disconnect_user),
            Fault.TOKENS_ARE_REVOKED: (3, self._revoke_tokens),
            Fault.DATABASE_IS_AWAY: (2, self._take_database),
            Fault.DATABASE_IS_READ_ONLY: (2, self._protect_database),
            Fault.DATABASE_IS_RESTORED: (3, self._back_up_or_restore),
        }
        possible = {"a device writes": (40, self._write), "the backend writes": (15, self._write_by_backend)}
        self._between = Between(world)
        faults |= self._between.steps
        possible |= {name: weighed for name, weighed in faults.items() if name in world.shape.faults}
        if world.shape.lists:
            possible["a list is written or read"] = (15, world.lists.go_on)
        if world.shape.follows:
            possible["a list is used on a device"] = (25, lambda: world.list_users.go_on(self._any_device()))
        if world.shape.plays:
            possible["something is played"] = (25, self._play)
        if world.shape.renames:
            possible["a device is named"] = (15, lambda: rename(self._any_device(), self._rng))
        if world.shape.commands:
            possible["a device is commanded"] = (15, self._command)
        self._weights = list(accumulate(weight for weight, _ in possible.values()))
        self._steps = [(name, step) for name, (_, step) in possible.items()]
        self._is_calm = False
        self._pauses_end_s = 0.0
        """When all nodes run again that have been paused."""
        self._choked: dict[Connection, None] = {}
        self._chokes_end_s = 0.0
        """When all links were given up that have taken nothing."""
        self._restore: asyncio.Task[None] | None = None

    def take_one(self) -> None:
        """Take the next step."""
        ((name, step),) = self._rng.choices(self._steps, cum_weights=self._weights)
        self._world.coverage.begin(name)
        step()

    async def make_calm(self) -> None:
        """Repair everything, and let nothing go wrong any more."""
        world = self._world
        await asyncio.sleep(max(self._pauses_end_s, self._chokes_end_s) - world.loop.time())
        if self._restore is not None:
            await self._restore
        self._is_calm = True
        world.log.note("world", "becomes calm")
        world.database.is_away = False
        world.database.unprotect()
        world.hub.recover()
        self._between.make_calm()
        for node in world.nodes:
            if node.store is not None:
                node.store.writer.die_at_commit(None)
            node.start()
        for device in world.devices:
            if not device.is_online:
                device.find_network()
            for connection in device.connections:
                connection.go_on()

    def _later(self, longest_s: float, step: Step) -> None:
        """Take ``step`` after a while, unless it is calm by then: then it was taken already."""
        self._world.loop.call_later(self._rng.uniform(0.05, longest_s), self._unless_calm, step)

    def _unless_calm(self, step: Step) -> None:
        if not self._is_calm:
            step()

    # What users do

    def _write(self) -> None:
        device = self._any_device()
        content_id = self._rng.choice(self._world.contents[device.user_id])
        device.write("add" if self._rng.random() < 0.6 else "remove", content_id)

    def _write_by_backend(self) -> None:
        world = self._world
        user_id = self._rng.choice(world.users)
        action = "add" if self._rng.random() < 0.6 else "remove"
        world.backend.write(user_id, action, self._rng.choice(world.contents[user_id]))

    def _play(self) -> None:
        device = self._any_device()
        contents = self._world.contents[device.user_id]
        if self._rng.random() < 0.3:
            self._world.backend.play(device.user_id, self._rng.choice(contents))
        else:
            play(device, self._rng, contents)

    def _command(self) -> None:
        device = self._any_device()
        others = [one for one in self._world.devices if one.user_id == device.user_id]
        device.command(self._rng.choice([*others, None]))

    def _publish_from_outside(self) -> None:
        world = self._world
        user_id = self._rng.choice(world.users)
        if self._rng.random() < 0.6:
            world.publisher.add(user_id, self._rng.choice(world.contents[user_id]))
        else:
            world.publisher.remove(user_id)

    # What goes wrong

    def _break_bus(self) -> None:
        self._world.log.note("bus", "is away")
        self._world.hub.break_down()
        self._later(20, self._world.hub.recover)

    def _silence_bus(self) -> None:
        self._world.log.note("bus", "is silent")
        self._world.hub.is_silent = True
        self._later(20, self._world.hub.recover)

    def _lose_network(self, *, is_noticed: bool) -> None:
        device = self._any_device()
        if device.is_online:
            device.lose_network(is_noticed=is_noticed)
            self._later(30, device.find_network)

    def _stall_link(self) -> None:
        connection = self._any_device().connection
        if connection is not None:
            connection.stall()
            self._later(20, lambda: self._let_go_on(connection))

    def _let_go_on(self, connection: Connection) -> None:
        if connection not in self._choked:
            connection.go_on()

    def _choke_link(self) -> None:
        """Let a link take nothing until its node gives it up, before its device does."""
        world, loop = self._world, self._world.loop
        devices = [device for device in world.devices if not device.is_over_http]  # of a stream it would take longer
        if not devices:
            return
        device = world.coverage.struck(self._rng.choice(devices))
        connection = device.connection if device.is_open else None
        if connection is None or connection in self._choked or connection.server.is_lost:
            return
        world.log.note(device.name, "takes nothing more of what it is sent")
        connection.choke()
        self._choked[connection] = None
        self._chokes_end_s = loop.time() + GIVE_UP_S
        loop.call_later(GIVE_UP_S, self._check_given_up, device, connection, loop.time())

    def _check_given_up(self, device: Device, connection: Connection, since_s: float) -> None:
        if connection.server.is_lost:
            running = [node.node for node in self._world.nodes if node.node is not None]
            was_slow = any(node.metrics.closes[SLOW_CONSUMER.code] for node in running)
            self._world.log.note(device.name, "was given up" + ("; nodes have closed with 4002" if was_slow else ""))
        elif self._pauses_end_s < since_s:
            self._world.witness.violate(f"{device.name} took nothing for {GIVE_UP_S:g} s, and was not given up")

    def _kill_app(self) -> None:
        self._any_device().die()

    def _crash_node(self) -> None:
        node = self._any_node()
        node.crash()
        self._later(10, node.start)

    def _drain_node(self) -> None:
        node = self._any_node()
        node.drain()
        self._later(10, node.start)

    def _pause_node(self) -> None:
        node, loop = self._any_node(), self._world.loop
        ends_s = loop.time() + self._rng.uniform(1, 90)
        self._pauses_end_s = max(self._pauses_end_s, ends_s)
        node.pause()
        loop.call_at(ends_s, node.resume)

    def _step_clock(self) -> None:
        if self._rng.random() < 0.5:
            node = self._any_node()
            node.clock.skew_s = self._rng.uniform(-5, 5)
            self._world.log.note(node.place, f"is {node.clock.skew_s:.1f} s ahead")
        else:
            device = self._any_device()
            device.clock.skew_s = self._rng.uniform(-100, 100)
            self._world.log.note(device.name, f"is {device.clock.skew_s:.1f} s ahead")

    def _kill_writer(self) -> None:
        store = self._any_node().store
        if store is None:
            return
        chance = self._rng.random()
        if chance < 0.6:
            store.writer.die_at_commit(self._rng.choice(MOMENTS))
        else:
            (store.writer if chance < 0.8 else store.reader).die()

    def _take_database(self) -> None:
        database = self._world.database
        self._world.log.note("database", "is away")
        database.is_away = True
        self._later(10, self._return_database)

    def _return_database(self) -> None:
        self._world.log.note("database", "is back")
        self._world.database.is_away = False
        for node in self._world.nodes:
            node.start()

    def _protect_database(self) -> None:
        self._world.log.note("database", "is read-only")
        self._world.database.protect()
        self._later(10, self._unprotect_database)

    def _unprotect_database(self) -> None:
        self._world.log.note("database", "can be written again")
        self._world.database.unprotect()

    def _back_up_or_restore(self) -> None:
        world = self._world
        if not world.database.has_backup or self._rng.random() < 0.5:
            if not world.database.is_being_restored:
                world.log.note("operator", "backs up the database")
                world.database.back_up()
                world.witness.back_up()
        elif self._restore is None or self._restore.done():
            self._restore = world.loop.create_task(restore(world))

    def _disconnect_user(self) -> None:
        world = self._world
        world.operator.disconnect(self._rng.choice(world.users), world.devices, world.nodes)

    def _revoke_tokens(self) -> None:
        """Revoke a device's token, or those of all devices of its user."""
        device, world = self._any_device(), self._world
        whole = self._rng.random() < 0.3
        for each in world.devices if whole else (device,):
            if each.user_id == device.user_id:
                world.operator.revoke(each.token_id)

    def _any_device(self) -> Device:
        return self._world.coverage.struck(self._rng.choice(self._world.devices))

    def _any_node(self) -> SimulatedNode:
        return self._world.coverage.struck(self._rng.choice(self._world.nodes))
