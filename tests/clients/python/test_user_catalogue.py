"""Which lists there are, as apps on two devices see it on a daemon: kept up to date by itself."""

import asyncio
from collections.abc import Callable
from functools import partial
from uuid import uuid4

import pytest
from syncd_client import Client, Resumed, sync

from tests.daemon import DaemonProcess, token
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


async def test_a_list_that_one_device_makes_names_or_deletes_is_seen_on_the_other(
    daemon: DaemonProcess, user: str
) -> None:
    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await tv.wait_until(condition)

    def shown() -> dict[str, str]:
        return {one.list: one.name for one in tv.catalogue.items}

    async with Client(daemon.url) as phone, Client(daemon.url) as tv:
        events = tv.events()
        assert tv.catalogue is tv.catalogue
        assert shown() == {}
        for client, device in ((phone, "phone"), (tv, "tv")):
            client.sign_in(user, partial(token, user, device))
        async with asyncio.timeout(TIMEOUT_S):
            told = [await anext(event async for event in events if isinstance(event, Resumed)) for _ in range(2)]
        assert [one.collection for one in told] == [None, "lists"]
        await phone.list("kids").rename("For the kids")
        await until(lambda: shown() == {"kids": "For the kids"})
        later = phone.list("later")
        later.add(str(uuid4()))
        await until(lambda: shown() == {"kids": "For the kids", "later": "later"})
        items, film = tv.catalogue.items, str(uuid4())
        phone.add(film)
        await until(lambda: tv.has(film))
        assert tv.catalogue.items is items
        await phone.list("kids").delete()
        await until(lambda: shown() == {"later": "later"})
        tv.disconnect()
        assert shown() == {"later": "later"}
        await later.rename("Später")
        tv.connect()
        await until(lambda: shown() == {"later": "Später"})
        tv.sign_out(erase=False)
        assert shown() == {}


def test_it_is_the_same_for_code_without_asyncio(daemon: DaemonProcess, user: str) -> None:
    with sync.Client(daemon.url) as client:
        catalogue = client.catalogue
        assert client.catalogue is catalogue
        client.sign_in(user, lambda: token(user, "phone"))
        client.list("kids").rename("For the kids")
        client.wait_until(lambda: [one.name for one in catalogue.items] == ["For the kids"], TIMEOUT_S)
