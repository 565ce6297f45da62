"""Lists beside the watchlist, on a daemon: two devices of one user, with and without asyncio."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from syncd_client import Client, MemoryStore, NotSignedInError, RequestFailedError, SqliteStore, State, between, sync
from syncd_client.data.user_state import Changes
from syncd_client.user_list import ListCalls

from tests.daemon import DaemonProcess, token
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

A, B, C, D = (f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{digit}" for digit in "abcd")

Opening = Callable[..., Client]


@pytest.fixture
async def opened(daemon: DaemonProcess, user: str) -> AsyncIterator[Opening]:
    """``opened(device, store)``: a client that is signed in, closed at the end of the test."""
    async with AsyncExitStack() as stack:
        clients: list[Client] = []

        def open_client(device: str, store: MemoryStore | SqliteStore | None = None) -> Client:
            client = Client(daemon.url, store)
            clients.append(client)
            stack.push_async_callback(client.close)
            client.sign_in(user, lambda: token(user, device))
            return client

        yield open_client


async def until(client: Client, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await client.wait_until(condition)


def ids(shown: ListCalls) -> list[str]:
    return [item.content_id for item in shown.items]


async def test_devices_have_the_same_lists_in_the_order_that_the_user_gave_them(opened: Opening) -> None:
    phone, tv = opened("phone"), opened("tv")
    kids = phone.list("kids")
    assert phone.list("kids") is kids
    kids.add(A, data={"note": "dubbed"})
    kids.add_many([B, C])
    phone.add(D, position=between(None, None))
    assert ids(kids) == [C, B, A]
    assert kids.items[0].pending
    kids.move(A, before=C)
    assert ids(kids) == [A, C, B]
    theirs = tv.list("kids")
    await until(tv, lambda: ids(theirs) == [A, C, B] and ids(tv) == [D])
    assert theirs.items[0].data == {"note": "dubbed"}
    assert not tv.has(A)
    theirs.move(A)
    theirs.add(A, data={})
    await until(phone, lambda: ids(kids) == [C, B, A] and kids.items[2].data == {})
    kids.remove(B)
    await until(tv, lambda: not theirs.has(B))


async def test_what_was_queued_offline_in_several_lists_comes_to_all(opened: Opening, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "client.db")
    phone = opened("phone", store)
    phone.disconnect()
    phone.list("kids").add(A, position="V")
    phone.add(A)
    phone.list("evening").add(B)
    await phone.close()
    again = opened("phone", SqliteStore(tmp_path / "client.db"))
    await until(again, lambda: again.queued == 0)  # of lists, too, that the app does not ask for any more
    assert ids(again.list("kids")) == [A]
    tv = opened("tv")
    await until(tv, lambda: ids(tv.list("kids")) == ids(tv) == [A] and ids(tv.list("evening")) == [B])


async def test_a_list_is_named_and_deleted_and_goes_on_under_its_name(opened: Opening) -> None:
    phone, tv = opened("phone"), opened("tv")
    kids, theirs = phone.list("kids"), tv.list("kids")
    assert (await kids.rename("For the kids")).name == "For the kids"
    kids.add(A)
    await until(tv, lambda: ids(theirs) == [A])
    assert [(each.list, each.name) for each in await tv.lists()] == [("kids", "For the kids")]
    await theirs.delete()
    await theirs.delete()
    await until(phone, lambda: ids(kids) == [])
    kids.add(B)
    await until(tv, lambda: ids(theirs) == [B])
    with pytest.raises(RequestFailedError, match="name") as raised:
        await kids.rename("")
    assert raised.value.status == 400


class FullStore(MemoryStore):
    is_full = False

    def save(self, user_id: str, changes: Changes) -> None:
        if self.is_full:
            raise OSError("no space left on device")
        super().save(user_id, changes)


async def test_a_list_stays_open_when_the_store_fails_and_when_the_client_is_opened_again(
    opened: Opening, user: str
) -> None:
    store = FullStore()
    phone, tv = opened("phone", store), opened("tv")
    kids, theirs = phone.list("kids"), tv.list("kids")
    await until(phone, lambda: phone.state is State.LIVE)
    store.is_full = True
    assert await kids.add(A) == "memory"
    await until(tv, lambda: ids(theirs) == [A])
    store.is_full = False
    await phone.close()
    theirs.add(B)
    phone.sign_in(user, lambda: token(user, "phone"))
    await until(phone, lambda: ids(kids) == [B, A])


async def test_what_cannot_be_asked_for_is_told(daemon: DaemonProcess, user: str) -> None:
    async with Client(daemon.url) as client:
        with pytest.raises(ValueError, match=r"^list: must be 1 to 64 of"):
            client.list("for kids")
        with pytest.raises(NotSignedInError):
            await client.lists()
        with pytest.raises(NotSignedInError):
            client.list("kids").add(A)
    async with Client("http://127.0.0.1:1") as client:
        for answer, said in (
            (lambda: token("other"), "the token is another user's"),
            (lambda: "Bearer x", "the token begins with 'Bearer '"),
            (lambda: 1 / 0, "ZeroDivisionError"),
            (lambda: 7, "must return a text, not int"),
            (lambda: token(user), "not answered: All connection attempts failed"),
        ):
            client.sign_out(erase=True)
            client.sign_in(user, answer)  # type: ignore[arg-type]
            with pytest.raises(RequestFailedError, match=said):
                await client.lists()


async def test_what_needs_a_connection_fails_at_once_while_the_app_wants_to_be_offline(opened: Opening) -> None:
    phone = opened("phone")
    await until(phone, lambda: phone.state is State.LIVE)
    phone.disconnect()
    asked = (phone.lists(), phone.list("kids").rename("Kids"), phone.send("tv", "pause"), phone.handoff("tv", A))
    for call in asked:
        with pytest.raises(RequestFailedError, match="this device is offline"):
            await call
    phone.connect()
    assert await phone.lists() == ()


async def test_what_needs_a_token_that_does_not_come_fails_in_the_end(
    daemon: DaemonProcess, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd_client.transport.http_request.TOKEN_TIMEOUT_S", 0.01)

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    async with Client(daemon.url) as client:
        client.sign_in(user, never)
        with pytest.raises(RequestFailedError, match="get_token did not answer within"):
            await client.lists()


def test_without_asyncio_lists_are_the_same(daemon: DaemonProcess, user: str) -> None:
    with sync.Client(daemon.url) as client:
        client.sign_in(user, lambda: token(user))
        kids = client.list("kids")
        assert kids.add(A, position="V", data={"n": 1}).wait(TIMEOUT_S) == "memory"
        kids.add_many([B, C])
        kids.move(B, before=A)
        assert (ids_of(kids), kids.has(C), client.has(A)) == ([B, A, C], True, False)
        client.wait_until(lambda: client.queued == 0, TIMEOUT_S)
        assert kids.rename("For the kids", TIMEOUT_S).name == "For the kids"
        assert [each.list for each in client.lists(TIMEOUT_S)] == [kids.list_id]
        kids.remove_many([B, C])
        kids.remove(A)
        assert kids.items == ()
        kids.delete(TIMEOUT_S)
        assert client.lists(TIMEOUT_S) == ()


def ids_of(shown: sync.UserList) -> list[str]:
    return [item.content_id for item in shown.items]
