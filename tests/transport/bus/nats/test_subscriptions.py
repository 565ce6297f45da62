"""What a server is told of the users who come and go; with a real one in test_bus.py."""

from typing import Any

import pytest
from nats.aio.client import Client

from transport.bus.channels import channel_of
from transport.bus.nats.subscriptions import AT_ONCE, UserSubscriptions


async def ignore(*_: Any) -> None: ...


class Told(UserSubscriptions):
    """On a client that is not connected: it queues its commands, and they can be read there."""

    def __init__(self) -> None:
        super().__init__()
        self.client = Client()
        self.client._error_cb = ignore
        self.begin(self.client, ignore, max_waiting=10)

    async def commands(self) -> list[str]:
        """Return the commands of one more ``tell``, their numbers left out."""
        await self.tell()
        commands = [command.decode().split() for command in self.client._pending]
        self.client._pending.clear()
        return sorted(" ".join(command[:-1]) for command in commands)

    def end(self) -> None:
        self._shared._stop_processing()


@pytest.fixture
async def told() -> Any:
    told = Told()
    yield told
    told.end()


async def test_a_user_is_told_of_once_and_gone_once(told: Told) -> None:
    told.subscribe("ann")
    assert told.is_untold
    assert await told.commands() == [f"SUB {channel_of('ann', 'devices')}", f"SUB {channel_of('ann')}"]
    assert await told.commands() == []
    told.unsubscribe("ann")
    assert await told.commands() == ["UNSUB", "UNSUB"]
    assert not told.is_untold
    assert len(told.client._subs) == 1  # what all share


async def test_who_comes_and_goes_or_goes_and_comes_back_in_between_is_not_worth_telling(told: Told) -> None:
    told.subscribe("ann")
    told.unsubscribe("ann")
    assert await told.commands() == []
    told.subscribe("bob")
    await told.tell()
    told.client._pending.clear()
    told.unsubscribe("bob")
    told.subscribe("bob")
    assert await told.commands() == []


async def test_many_are_told_in_parts_and_each_part_names_its_users(told: Told) -> None:
    users = {f"u{number}" for number in range(AT_ONCE // 2 + 1)}
    for user_id in users:
        told.subscribe(user_id)
    first, second = await told.commands(), await told.commands()
    assert (len(first), len(second)) == (AT_ONCE, 2)
    assert {*first, *second} == {f"SUB {channel_of(user, name)}" for user in users for name in ("sync", "devices")}


async def test_a_part_names_the_users_whose_updates_it_is_about(told: Told) -> None:
    for user_id in ("ann", "bob"):
        told.subscribe(user_id)
    assert sorted(await told.tell()) == ["ann", "bob"]


async def test_the_next_connection_is_told_of_everybody_who_is_there(told: Told) -> None:
    told.subscribe("ann")
    told.subscribe("bob")
    await told.tell()
    told.unsubscribe("bob")
    told.end()
    client = Client()
    client._error_cb = ignore
    told.begin(client, ignore, max_waiting=10)
    assert await told.tell() == ("ann",)
