"""Random lives of devices on the real journal: connections break, apps die, clocks are wrong, all agree at last."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from syncd_client.core.core import State

from actors.messages.journal import Update
from actors.ports import JournalStore
from storage.journal.journal_store import open_store
from tests.fakes.client_world import START_MS, Device, World
from tests.whole_list import whole_list

CONTENTS = [f"00000000-0000-0000-0000-{number:012}" for number in range(5)]
"""The first two are everybody's; of the others each device has one to itself."""
OWN = 2
DAY_MS = 86_400_000


def members_at(history: list[Update], revision: int) -> set[str]:
    members: set[str] = set()
    for update in history[:revision]:
        (members.add if update.change.action == "add" else members.discard)(update.content_id)
    return members


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JournalStore]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('journal') / 'journal.db'}", now_ms=lambda: START_MS)
    yield store
    store.close()


content = st.integers(0, OWN)
few = st.integers(1, 4)
catching = st.sampled_from(["changes", "list", "pieces"])
answering = st.sampled_from(["commit", "commit", "away", "no room"])
step = st.tuples(
    st.integers(0, 2),
    st.one_of(
        st.tuples(st.just("add"), content),
        st.tuples(st.just("remove"), content),
        st.tuples(st.just("connect"), catching),
        st.tuples(st.just("receive"), few),
        st.tuples(st.just("transmit"), few, answering, st.booleans()),
        st.tuples(st.just("lose_connection")),
        st.tuples(st.just("die")),
        st.tuples(st.just("retry")),
        st.tuples(st.just("time"), st.integers(0, 50_000)),
    ),
)
skew = st.sampled_from([0, 0, -1_000_000, 1_000, 50_000, 1_000_000])


SLEPT = [
    (0, ("add", 0)),
    (0, ("connect", "changes")),
    (0, ("receive", 1)),
    (0, ("transmit", 1, "away", False)),
    (0, ("receive", 1)),
    (0, ("time", 50_000)),
    (0, ("retry",)),
]
"""A pause between two attempts ends so late that the device must have slept: it asks whether its connection lives."""


@settings(deadline=None)
@example(skews=(0, 0, 0), steps=SLEPT)
@given(skews=st.tuples(skew, skew, skew), steps=st.lists(step, min_size=40, max_size=80))
def test_devices_agree_with_the_journal_whatever_happens(
    journal: JournalStore, skews: tuple[int, int, int], steps: list[tuple[int, tuple[Any, ...]]]
) -> None:
    world = World(journal)
    devices = [Device(world, name, skew_ms) for name, skew_ms in zip(("phone", "tv", "tablet"), skews, strict=True)]
    for number, (what, *how) in steps:
        device = devices[number]
        match what, how:
            case "add" | "remove", [int() as place]:
                device.enqueue(what, CONTENTS[OWN + number if place == OWN else place])
            case "connect", [way]:
                device.connect(way)
            case "receive", [int() as count]:
                device.receive(count)
            case "transmit", [int() as count, answer, bool() as answers_first]:
                device.transmit(count, answer, answers_first=answers_first)
            case "time", [int() as span_ms]:
                world.now_ms += span_ms
            case _:
                getattr(device, what)()
        check_what_is_stored(world, device)
    come_to_rest(devices)
    check_that_all_agree(world, devices)


breaking = st.one_of(
    st.tuples(st.just("other adds"), st.integers(0, 4)),
    st.tuples(st.just("other removes"), st.integers(0, 4)),
    st.tuples(st.just("add"), st.integers(0, 4)),
    st.tuples(st.just("connect"), st.sampled_from(["pieces", "new pieces", "changes"])),
    st.tuples(st.just("receive"), few),
    st.tuples(st.just("transmit"), answering),
    st.tuples(st.just("lose_connection"), st.none()),
)


@settings(deadline=None)
@given(steps=st.lists(breaking, min_size=40, max_size=80))
def test_a_device_whose_lists_come_in_pieces_on_a_breaking_line_never_has_half_of_one(
    journal: JournalStore, steps: list[tuple[str, Any]]
) -> None:
    world = World(journal)
    phone, other = Device(world, "phone", 0), Device(world, "tv", 0)
    for what, how in steps:
        match what:
            case "other adds" | "other removes":
                other.enqueue("add" if what == "other adds" else "remove", CONTENTS[how])
                come_to_rest([other])
            case "add":
                phone.enqueue("add", CONTENTS[how])
            case "connect":
                phone.connect(how)
            case "receive":
                phone.receive(how)
            case "transmit":
                phone.transmit(1, how, answers_first=True)
                phone.retry()
            case _:
                phone.lose_connection()
        check_what_is_stored(world, phone)
    phone.lose_connection()
    phone.connect("pieces")
    come_to_rest([phone, other])
    check_that_all_agree(world, [phone, other])


def test_adds_that_waited_for_a_month_and_find_no_room_are_not_lost_nor_is_what_follows_them(
    journal: JournalStore,
) -> None:
    world = World(journal)
    phone = Device(world, "phone", -31 * DAY_MS)
    kept, removed = CONTENTS[:2]
    for content_id in kept, removed:
        phone.enqueue("add", content_id)
    phone.enqueue("remove", removed)
    phone.connect()
    phone.receive(1)
    for _ in range(2):
        phone.transmit(2, "no room", answers_first=True)
        phone.receive(2)
    come_to_rest([phone])
    check_that_all_agree(world, [phone])
    assert [(update.tags, update.change.action) for update in world.history] == [
        (("syncd:1",), "add"),
        (("syncd:2",), "add"),
        (("syncd:2",), "remove"),
    ]


def check_what_is_stored(world: World, device: Device) -> None:
    """At every moment a device holds the list as it was at its revision."""
    stored = device.store.load(world.user)
    assert stored is not None
    assert {item.content_id for item in stored.items} == members_at(world.history, stored.head.revision)


def come_to_rest(devices: list[Device]) -> None:
    for device in devices:
        device.connect()
    for _ in range(1000):
        for device in devices:
            device.transmit(1000, "commit", answers_first=True)
            device.receive(1000)
            device.retry()
        if all(device.is_quiet for device in devices):
            return
    raise AssertionError("no rest")


def check_that_all_agree(world: World, devices: list[Device]) -> None:
    listed = [item.content_id for item in whole_list(world.journal, world.user).items]
    history = world.history
    assert set(listed) == members_at(history, len(history))
    for device in devices:
        assert device.core.state is State.LIVE
        assert not any(item.pending for item in device.core.items)
        shown = [item.content_id for item in device.core.items]
        assert set(shown) == set(listed)
        assert without(world.misplaced, shown) == without(world.misplaced, listed)
        stored = device.store.load(world.user)
        assert stored is not None
        assert stored.queue == ()
    # Every add once, no remove twice, and who is alone with a content has the last word.
    writes = [write for device in devices for write in device.writes]
    recorded = [update.change.operation_id for update in history]
    assert len(recorded) == len(set(recorded))
    added = {update.change.operation_id for update in history if update.change.action == "add"}
    assert added == {write.operation_id for write in writes if write.operation == "add"}
    for content_id in CONTENTS:
        last_words = [write for device in devices for write in device.last_word(content_id)]
        if len(last_words) == 1:
            assert (content_id in listed) is (last_words[0].operation == "add")


def without(some: set[str], contents: list[str]) -> list[str]:
    return [content_id for content_id in contents if content_id not in some]
