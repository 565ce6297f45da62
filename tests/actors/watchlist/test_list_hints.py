"""A device that follows which lists a user has is told all of them: at the beginning, and whenever they change."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from pykka import ActorRef

from actors.messages.bus import ShowLists
from actors.messages.change import Change
from actors.messages.collections import LISTS, line_of
from actors.messages.connection import Deliver, Join, Replayed
from actors.messages.failures import ReadFailed
from actors.messages.fanout import SendToUser
from actors.messages.journal import Committed, DeviceWrite, Outcome, Status
from actors.messages.journal_reads import Head, HeadsLoaded
from actors.messages.lists import Lists, ListSummary, ReadLists
from actors.messages.watchlist import ListsChanged
from actors.watchlist.list_hints import MAX_TOLD
from actors.watchlist.watchlist_sync import WatchlistSync
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import Started, content
from tests.actors.watchlist.test_watchlist_sync import Others
from tests.fakes.devices import Devices as Connections

Handled = Callable[[ActorRef[Any]], Awaitable[object]]


def lists(**names: str) -> Lists:
    """Return the database's answer: what people are shown as each list's name."""
    summaries = tuple(ListSummary(list=list_id, name=name, revision=7) for list_id, name in names.items())
    return Lists(epoch="e1", watchlist=1, progress=0, lists=summaries)


def told(**names: str) -> dict[str, Any]:
    return {"type": "lists", "lists": [{"list": list_id, "name": name} for list_id, name in names.items()]}


class Followed:
    """Which lists ann has, which connections follow; the journal is played by hand."""

    def __init__(self, started: Started, handled: Handled, **changes: Any) -> None:
        self.devices = Connections()
        self.others = Others(self.devices, 0.0)
        self._handled = handled
        self.shown: list[ShowLists] = []
        deps = msgspec.structs.replace(self.others.deps(), show_lists=self.shown.append, **changes)
        self.ref = started(WatchlistSync.start("ann", deps, self.others.retired.append))

    async def tell(self, *messages: object) -> None:
        for message in messages:
            self.ref.tell(message)
        await self._handled(self.ref)

    async def join(self, name: str) -> Join:
        """Let a connection follow the lists."""
        join = Join(self.devices.connection(name), 3, "e0", None, LISTS)
        heads = [Head(line=line, revision=0, clock=HLCTimestamp(0, 0, ""), epoch="e1") for line in lines("ann")]
        await self.tell(join, *(HeadsLoaded((head,)) for head in heads))
        return join

    def asked(self) -> list[ReadLists]:
        return [one for one in self.others.journal if isinstance(one, ReadLists)]

    async def answer(self, answer: Lists | ReadFailed) -> None:
        """Answer the only question for the user's lists that is open."""
        (asked,) = self.asked()
        self.others.journal.remove(asked)
        asked.reply_to(answer)
        await self._handled(self.ref)

    def told(self, name: str) -> list[dict[str, Any]]:
        """Return the hints that a connection alone was told."""
        deliveries = [one for one in self.devices.told[name] if isinstance(one, Deliver)]
        assert all(one.first_revision is None and one.collection == LISTS for one in deliveries)
        return [msgspec.json.decode(frame) for one in deliveries for frame in one.frames]

    def told_all(self) -> list[Any]:
        """Return the hints that all who follow were told."""
        sent = [one for one in self.others.registry if isinstance(one, SendToUser)]
        return [msgspec.json.decode(msgspec.json.encode(message)) for one in sent for message in one.messages]


def lines(user_id: str) -> tuple[str, str]:
    return user_id, line_of(user_id, LISTS)


@pytest.fixture
async def followed(started: Started, handled: Handled) -> Followed:
    return Followed(started, handled)


async def test_who_begins_to_follow_is_resumed_at_revision_0_whatever_it_says_and_told_all(followed: Followed) -> None:
    await followed.join("a")
    (resumed,) = followed.devices.told["a"]
    assert isinstance(resumed, Replayed)
    assert (resumed.revision, resumed.head, resumed.epoch, resumed.frames) == (0, 0, "e1", ())
    assert resumed.collection == LISTS
    await followed.answer(lists(kids="For the kids", later="later"))
    assert followed.told("a") == [told(kids="For the kids", later="later")]
    assert followed.told_all() == []


async def test_a_change_is_told_to_all_once_and_none_where_nothing_has_changed(followed: Followed) -> None:
    await followed.join("a")
    await followed.answer(lists(kids="Kids"))
    await followed.tell(ListsChanged())
    await followed.answer(lists(kids="For the kids"))
    await followed.tell(ListsChanged())
    await followed.answer(lists(kids="For the kids"))
    assert followed.told_all() == [told(kids="For the kids")]


async def test_for_all_changes_that_come_while_it_is_asked_it_is_asked_once_more(followed: Followed) -> None:
    await followed.join("a")
    await followed.answer(lists())
    for _ in range(5):
        await followed.tell(ListsChanged())
    await followed.answer(lists(kids="it may be older than the last change"))
    await followed.answer(lists(kids="Kids"))
    assert followed.asked() == []
    assert followed.told_all() == [told(kids="Kids")]


async def test_of_more_lists_than_a_message_is_to_hold_the_others_are_counted(followed: Followed) -> None:
    await followed.join("a")
    await followed.answer(lists(**{f"l{number:04}": "n" for number in range(MAX_TOLD + 3)}))
    ((hint),) = followed.told("a")
    assert (len(hint["lists"]), hint["left_out"], hint["lists"][-1]["list"]) == (MAX_TOLD, 3, f"l{MAX_TOLD - 1:04}")


async def test_where_nobody_follows_a_change_is_not_looked_at(followed: Followed) -> None:
    await followed.tell(*(HeadsLoaded((Head(line="ann", revision=0, clock=HLCTimestamp(0, 0, "")),)),), ListsChanged())
    assert followed.asked() == []


async def test_a_list_that_begins_with_an_add_is_shown_and_no_other_write_is(followed: Followed) -> None:
    head = HeadsLoaded((Head(line="ann", revision=0, clock=HLCTimestamp(0, 0, "")),))
    await followed.tell(head)
    for begins in (True, False):
        collection = "list:kids"
        change = Change("add", content(1))
        write = DeviceWrite(user_id="ann", device_id="tv", change=change, answer=None, collection=collection)
        kids = Head(line=line_of("ann", collection), revision=0, clock=HLCTimestamp(0, 0, ""))
        await followed.tell(write, HeadsLoaded((kids,)))
        commit = followed.others.commits()[-1]
        await followed.tell(Committed((commit,), (Outcome(status=Status.EXISTING, begins_list=begins),)))
    assert followed.shown == [ShowLists("ann")]
