"""What all hints have in common, tried on those about lists; ``test_presence_hints.py`` has those about devices."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pykka import ActorRef

from actors.messages.channel import JOURNAL, HeadMoved
from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.connection import Leave
from actors.messages.failures import ReadFailed
from actors.messages.watchlist import ListsChanged, RetireIfIdle
from tests.actors.conftest import Started
from tests.actors.watchlist.test_list_hints import Followed, lists, told

Handled = Callable[[ActorRef[Any]], Awaitable[object]]


@pytest.fixture
async def followed(started: Started, handled: Handled) -> Followed:
    return Followed(started, handled)


async def test_a_hint_that_was_lost_is_made_up_for_when_heads_are_compared(followed: Followed) -> None:
    compared = HeadMoved(0, JOURNAL)
    await followed.join("a")
    await followed.answer(lists(kids="Kids"))
    await followed.tell(compared)
    await followed.answer(lists(kids="Kids", later="later"))
    assert followed.told_all() == [told(kids="Kids", later="later")]


async def test_a_node_without_a_bus_asks_again_only_where_it_could_not_be_told(
    started: Started, handled: Handled
) -> None:
    followed, compared = Followed(started, handled, publisher=None), HeadMoved(0, JOURNAL)
    await followed.join("a")
    await followed.answer(lists())
    await followed.tell(compared)
    assert followed.asked() == []
    await followed.tell(ListsChanged())
    await followed.answer(ReadFailed("away"))
    await followed.tell(compared)
    await followed.answer(lists(kids="Kids"))
    assert followed.told_all() == [told(kids="Kids")]
    await followed.tell(compared)
    assert followed.asked() == []


async def test_who_has_left_is_told_nothing_and_keeps_nobody_in_use(followed: Followed) -> None:
    join = await followed.join("a")
    await followed.tell(Leave(join.connection))
    await followed.ref.ask(RetireIfIdle(), block=False)  # with nothing behind it, which would keep the actor
    assert followed.others.retired == []
    await followed.answer(lists(kids="Kids"))
    assert followed.told("a") == []
    await followed.ref.ask(RetireIfIdle(), block=False)
    assert followed.others.retired == ["ann"]


async def test_who_cannot_be_told_comes_back_later(followed: Followed) -> None:
    await followed.join("a")
    await followed.answer(ReadFailed("away"))
    assert followed.devices.told["a"][-1].close == TRY_AGAIN_LATER
