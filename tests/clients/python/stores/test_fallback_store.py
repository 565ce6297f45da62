"""Random lives of devices whose store fails, is taken by another and comes back: no number ever means two things."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from syncd_client import Changes, Client, Head, MemoryStore, PendingWrite, StoreInUseError, UserState
from syncd_client.stores.fallback_store import FallbackStore

NOWHERE = "ws://127.0.0.1:9"


class Disk:
    """What outlives every process: one handle at a time has it."""

    def __init__(self) -> None:
        self.kept = MemoryStore()
        self.is_failing = False
        self.holder: Handle | None = None


class Handle:
    """A store on the disk, of one process, which may be dead."""

    is_persistent = True

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.is_dead = False

    def _taken(self) -> MemoryStore:
        if self.is_dead or self._disk.is_failing:
            raise OSError("the disk failed")
        if self._disk.holder not in (None, self):
            raise StoreInUseError
        self._disk.holder = self
        return self._disk.kept

    def load(self, user_id: str) -> UserState | None:
        return self._taken().load(user_id)

    def save(self, user_id: str, changes: Changes) -> None:
        self._taken().save(user_id, changes)

    def erase(self, user_id: str) -> None:
        self._taken().erase(user_id)

    def close(self) -> None:
        if self._disk.holder is self:
            self._disk.holder = None


class Lives:
    """Two processes of one user's device, one after the other or at once, and what a service could have been sent."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.meaning: dict[str, tuple[str, str]] = {}
        """By operation id and by tag, what it was sent with."""
        self.promised: set[str] = set()
        """Contents whose add was said to be kept for good."""
        self._contents = 0
        self._processes: dict[int, tuple[Client, Handle]] = {}

    def process(self, which: int) -> tuple[Client, Handle]:
        if which not in self._processes:
            handle = Handle(self.disk)
            client = Client(NOWHERE, handle)
            client.sign_in("alice", lambda: "a-token")
            client.disconnect()
            self._processes[which] = client, handle
        return self._processes[which]

    async def take(self, step: str, which: int) -> None:
        client, handle = self.process(which)
        match step:
            case "add":
                self._contents += 1
                content_id = f"00000000-0000-4000-8000-{self._contents:012}"
                if await client.add(content_id) == "persistent":
                    self.promised.add(content_id)
            case "fail":
                self.disk.is_failing = True
            case "heal":
                self.disk.is_failing = False
            case "retry" if client._engine._store.error is not None:
                client._engine._retry_store()
            case "close":
                await client.close()
                del self._processes[which]
            case "crash":
                handle.is_dead = True
                handle.close()
                await client.close()
                del self._processes[which]
        await asyncio.sleep(0)
        for process, _ in self._processes.values():
            self._send(process)

    def _send(self, client: Client) -> None:
        session = client._engine.core._session
        assert session is not None
        for write in session.collections.queue:
            for name in (write.operation_id, write.tag):
                assert name is not None
                self._look_up(name, write)

    def _look_up(self, name: str, write: PendingWrite) -> None:
        meaning = (write.operation_id, write.content_id)
        assert self.meaning.setdefault(name, meaning) == meaning, "the service knows this number as another change's"

    async def end(self) -> set[str]:
        """Let everything work again, and return what the last process shows."""
        self.disk.is_failing = False
        for which in tuple(self._processes):
            await self.take("close", which)
        shown = {item.content_id for item in self.process(0)[0].items}
        await self.take("close", 0)
        return shown


STEPS = st.tuples(
    st.sampled_from(["add", "add", "add", "fail", "heal", "retry", "close", "crash"]), st.sampled_from([0, 0, 0, 1])
)


@given(st.lists(STEPS, min_size=15, max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_number_means_two_things_and_what_was_kept_for_good_is_there(steps: list[tuple[str, int]]) -> None:
    async def live() -> None:
        lives = Lives()
        for step, which in steps:
            await lives.take(step, which)
        assert lives.promised <= await lives.end()

    asyncio.run(live())


def test_a_store_that_fails_for_long_is_tried_less_and_less_often() -> None:
    disk = Disk()
    disk.is_failing = True
    store = FallbackStore(Handle(disk), lambda: "r1")
    assert store.load("alice") is None
    waits = [store.retry_after_s]
    for _ in range(8):
        assert store.retry() == {}
        waits.append(store.retry_after_s)
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    disk.is_failing = False
    assert store.retry() == {}
    assert (store.retry_after_s, store.error) == (0.5, None)


def test_a_user_who_was_erased_late_is_erased_once() -> None:
    disk = Disk()
    store = FallbackStore(Handle(disk), lambda: "new")
    store.load("alice")
    disk.is_failing = True
    assert not store.erase("alice")
    disk.is_failing = False
    store.retry()
    store.load("alice")
    store.save("alice", Changes(head=Head(replica="r2")))
    store.commit()
    store.load("bob")
    disk.is_failing = True
    store.save("bob", Changes(head=Head(replica="r3")))
    store.commit()
    disk.is_failing = False
    store.retry()
    assert disk.kept.load("alice") is not None
    assert disk.kept.load("bob") is not None


def test_what_waits_to_be_written_of_an_erased_user_is_not_written() -> None:
    disk = Disk()
    store = FallbackStore(Handle(disk), lambda: "new")
    store.load("alice")
    store.save("alice", Changes(head=Head(replica="r1")))
    assert store.erase("alice")
    store.commit()
    assert disk.kept.load("alice") is None


def test_what_is_in_memory_is_written_at_the_end_if_the_store_works_again() -> None:
    disk = Disk()
    store = FallbackStore(Handle(disk), lambda: "new")
    store.load("alice")
    disk.is_failing = True
    store.save("alice", Changes(head=Head(replica="r1")))
    store.commit()
    disk.is_failing = False
    store.close()
    assert disk.kept.load("alice") is not None
    assert disk.holder is None


def test_who_has_not_got_a_store_does_not_close_it_for_who_has() -> None:
    disk = Disk()
    handle = Handle(disk)
    owner, other = FallbackStore(handle, lambda: "new"), FallbackStore(handle, lambda: "new")
    owner.load("alice")
    other.load("bob")
    assert other.error
    other.close()
    assert disk.holder is handle
    owner.close()
    assert disk.holder is None
