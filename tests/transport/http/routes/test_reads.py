"""Reading over HTTP: pages that belong together, changes in parts, and answers that need not be sent again."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from actors.messages.failures import ReadFailed, ReadRefused
from actors.messages.journal import JournalMessage
from actors.messages.journal_reads import ChangesExpired, HeadsLoaded, LoadHeads, Page, ReadChanges, ReadPage
from tests.daemon import WATCHLIST, bearer
from tests.transport.http.lone_api import HEAD, api_deps, client
from transport.access.limits import MAX_UNREAD_BYTES, Limits
from transport.http.api import http_api

integration = pytest.mark.integration

OPERATIONS = "/api/v1/sync/operations"
ACTIVITIES = "/api/v1/sync/last_activities"
PROGRESS = "/api/v1/sync/progress"
LISTS = "/api/v1/sync/lists"

Read = Callable[..., Awaitable[tuple[int, dict[str, Any], Mapping[str, str]]]]
Write = Callable[[list[tuple[str, str]]], Awaitable[None]]


@pytest.fixture
def read(api: aiohttp.ClientSession, user: str) -> Read:
    """``await read(path, **query)``: status, body (empty: none) and headers."""

    async def read(
        path: str = WATCHLIST, headers: dict[str, str] | None = None, **query: Any
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        async with api.get(path, params=query, headers=bearer(user) | (headers or {})) as response:
            body = await response.json(content_type=None) if await response.read() else {}
            return response.status, body, response.headers

    return read


@pytest.fixture
def write(api: aiohttp.ClientSession, user: str) -> Write:
    """``await write([("add", content_id), …])``: in order, in one request."""

    async def write(operations: list[tuple[str, str]]) -> None:
        body = {"operations": [{"operation": action, "content_id": content} for action, content in operations]}
        async with api.post(OPERATIONS, json=body, headers=bearer(user)) as response:
            assert response.status == 200
            assert all(result["success"] for result in (await response.json())["results"])

    return write


def contents(count: int) -> list[str]:
    """New content ids, the first the oldest to be."""
    return [str(uuid4()) for _ in range(count)]


def ids(body: dict[str, Any]) -> list[str]:
    return [item["content_id"] for item in body["items"]]


@integration
async def test_a_list_is_read_newest_first_with_its_revision_and_epoch(read: Read, write: Write) -> None:
    films = contents(3)
    await write([("add", film) for film in films])
    status, body, headers = await read()
    assert status == 200
    assert ids(body) == films[::-1]
    assert set(body) == {"revision", "epoch", "items"}
    assert body["revision"] == 3
    assert headers["ETag"] == f'"{body["epoch"]}-3"'
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["Vary"] == "Authorization"
    item = body["items"][0]
    assert item["device_id"] == "phone"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", item["added_at"])


@integration
async def test_a_user_who_never_wrote_has_an_empty_list_at_revision_0(read: Read) -> None:
    _, body, _ = await read()
    assert (body["revision"], body["items"], body.get("next")) == (0, [], None)


@integration
async def test_more_than_a_thousand_items_come_in_pages_without_being_asked_for(read: Read, write: Write) -> None:
    films = contents(1100)
    for start in range(0, 1100, 500):
        await write([("add", film) for film in films[start : start + 500]])
    _, first, _ = await read()
    assert len(first["items"]) == 1000
    _, second, headers = await read(cursor=first["next"])
    assert "next" not in second
    assert ids(first) + ids(second) == films[::-1]
    assert "ETag" not in headers  # it would be compared with the head, and this page belongs to the past


@integration
async def test_pages_show_one_revision_whatever_is_written_between_them(read: Read, write: Write) -> None:
    films = contents(7)
    await write([("add", film) for film in films])
    _, page, _ = await read(limit=2)
    shown, pages = ids(page), [page]
    await write([("add", contents(1)[0]), ("remove", films[0]), ("remove", films[6]), ("remove", films[3])])
    await write([("add", films[3])])
    while "next" in page:
        _, page, _ = await read(limit=3, cursor=page["next"])
        shown += ids(page)
        pages.append(page)
    assert shown == films[::-1]
    assert [page["revision"] for page in pages] == [7, 7, 7]
    _, changes, _ = await read(since=7, epoch=page["epoch"])  # and the removals are told, not concluded
    assert [(change["action"], change["content_id"]) for change in changes["changes"]][1:] == [
        ("remove", films[0]), ("remove", films[6]), ("remove", films[3]), ("add", films[3]),
    ]  # fmt: skip


@integration
async def test_changes_come_in_parts_from_the_revision_of_the_part_before(read: Read, write: Write) -> None:
    films = contents(5)
    await write([("add", film) for film in films])
    since, shown, parts = 0, [], 0
    while True:
        _, body, headers = await read(since=since, limit=2)
        shown += [change["content_id"] for change in body["changes"]]
        since, parts = body["revision"], parts + 1
        assert ("ETag" in headers) is not body.get("has_more", False)
        if not body.get("has_more"):
            break
    assert (shown, since, parts) == (films, 5, 3)
    assert body["changes"][0]["type"] == "watchlist_update"


@integration
@pytest.mark.parametrize("query", [{"since": 99}, {"since": 1, "epoch": "another"}])
async def test_changes_that_cannot_be_had_are_answered_with_the_lists_first_page_and_why(
    read: Read, write: Write, query: dict[str, Any]
) -> None:
    films = contents(3)
    await write([("add", film) for film in films])
    _, body, _ = await read(limit=2, **query)
    assert body["reason"] == "epoch_changed"
    assert ids(body) == [films[2], films[1]]
    _, rest, _ = await read(cursor=body["next"])
    assert ids(rest) == [films[0]]


@integration
@pytest.mark.parametrize("query", [{}, {"limit": 2}, {"since": 1}, {"since": 99}])
async def test_what_the_client_has_already_is_not_sent_again_until_something_changes(
    read: Read, write: Write, query: dict[str, Any]
) -> None:
    films = contents(3)
    await write([("add", film) for film in films])
    _, body, headers = await read(**query)
    etag = headers["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', f'W/"x-1" , W/{etag}', "*"):
        status, nothing, headers = await read(headers={"If-None-Match": known}, **query)
        assert (status, nothing) == (304, {})
        assert headers["ETag"] == etag
        assert headers["Vary"] == "Authorization"
    assert (await read(headers={"If-None-Match": f"{etag[:-1]}0{etag[-1]}"}, **query))[:2] == (200, body)
    await write([("remove", films[0])])
    status, _, headers = await read(headers={"If-None-Match": etag}, **query)
    assert status == 200
    assert headers["ETag"] != etag


@integration
async def test_last_activities_tell_the_revision_of_each_kind(read: Read, write: Write) -> None:
    _, nothing, _ = await read(ACTIVITIES)
    await write([("add", film) for film in contents(2)])
    status, body, headers = await read(ACTIVITIES)
    assert (status, body) == (200, {"watchlist": 2, "epoch": nothing["epoch"]})
    assert nothing["watchlist"] == 0
    assert (await read(ACTIVITIES, headers={"If-None-Match": headers["ETag"]}))[0] == 304
    assert (await read())[1]["epoch"] == body["epoch"]


@integration
@pytest.mark.parametrize(
    "cursor",
    ["", "nonsense", "e.1.1", "e.1.1.1.1", "e.-1.1.1", "e.1.1.x", ".1.1.1", "e.1.1.1111111111111111111", "e.1.1.1\n"],
)
async def test_a_cursor_that_is_none_is_refused_by_name(read: Read, cursor: str) -> None:
    status, problem, _ = await read(cursor=cursor)
    assert status == 400
    assert problem["detail"].startswith("cursor:")


@integration
async def test_a_listing_goes_on_whatever_since_says_beside_its_cursor(read: Read, write: Write) -> None:
    await write([("add", film) for film in contents(3)])
    _, first, _ = await read(limit=2)
    known = {"If-None-Match": f'"{first["epoch"]}-{first["revision"]}"'}
    rest = await read(headers=known, cursor=first["next"])  # of the first page
    assert (rest[0], len(rest[1]["items"])) == (200, 1)
    assert (await read(cursor=first["next"], since=first["revision"], epoch=first["epoch"]))[:2] == rest[:2]


@integration
async def test_a_cursor_that_cannot_be_continued_is_gone(read: Read, write: Write) -> None:
    await write([("add", film) for film in contents(3)])
    _, page, _ = await read(limit=1)
    epoch, revision, *rest = page["next"].split(".")
    for expired in (["another", revision, *rest], [epoch, "4", *rest]):
        status, problem, _ = await read(cursor=".".join(expired))
        assert status == 410
        assert "start again" in problem["detail"]


@integration
@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("since=-1", "since"),
        ("since=1.5", "since"),
        ("since=%D9%A3", "since"),  # a digit elsewhere
        ("since=1000000000000000000", "since"),
        ("since=1&since=1", "since"),
        ("since=1&epoch=", "epoch"),
        (f"since=1&epoch={'e' * 129}", "epoch"),
        ("since=1&epoch=a&epoch=a", "epoch"),
        ("since=x&cursor=e.1.1.1", "since"),
        ("&".join(f"p{number}=" for number in range(129)), "The query"),
    ],
)
async def test_a_parameter_that_is_not_as_documented_is_refused_by_name(
    api: aiohttp.ClientSession, user: str, query: str, named: str
) -> None:
    async with api.get(f"{WATCHLIST}?{query}", headers=bearer(user)) as response:
        assert response.status == 400
        assert (await response.json(content_type=None))["detail"].startswith(named)


@integration
async def test_unknown_parameters_are_ignored(read: Read) -> None:
    assert (await read(flavour="any"))[0] == 200


@pytest.mark.parametrize("query", ["", "?limit=1", "?since=3"])
async def test_that_nothing_has_changed_is_answered_from_the_users_head_alone(query: str) -> None:
    asked: list[JournalMessage] = []

    def journal(message: JournalMessage) -> None:
        asked.append(message)
        if isinstance(message, LoadHeads):
            message.reply_to(HeadsLoaded((HEAD,)))

    async with client(http_api(api_deps(journal=journal)).app) as api:
        response = await api.get(WATCHLIST + query, headers=bearer() | {"If-None-Match": '"e-7"'})
    assert response.status_code == 304
    assert [type(message) for message in asked] == [LoadHeads]


async def test_a_journal_that_cannot_read_is_told_with_its_reason() -> None:
    def journal(message: JournalMessage) -> None:
        assert isinstance(message, ReadPage)
        message.reply_to(ReadFailed("It is away."))

    async with client(http_api(api_deps(journal=journal)).app) as api:
        response = await api.get(WATCHLIST, headers=bearer())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json()["detail"] == "It is away."


async def test_too_many_reads_that_wait_are_the_users_own_fault() -> None:
    def journal(message: JournalMessage) -> None:
        assert isinstance(message, ReadChanges)
        message.reply_to(ReadRefused("128 reads of this user wait already"))

    async with client(http_api(api_deps(journal=journal)).app) as api:
        response = await api.get(f"{WATCHLIST}?since=3", headers=bearer())
    assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
    assert response.json()["detail"] == "128 reads of this user wait already."


async def test_changes_that_cannot_be_told_are_answered_with_a_page_and_the_reason() -> None:
    def journal(message: JournalMessage) -> None:
        if isinstance(message, ReadChanges):
            assert (message.revision, message.limit, message.epoch) == (3, 7, "x")
            message.reply_to(ChangesExpired("history_pruned", 9))
        else:
            assert isinstance(message, ReadPage)
            assert (message.limit, message.after) == (7, None)
            message.reply_to(Page(line="ann", epoch="e", revision=9, items=()))

    async with client(http_api(api_deps(journal=journal)).app) as api:
        response = await api.get(f"{WATCHLIST}?since=3&limit=7&epoch=x", headers=bearer())
    assert response.json() == {"revision": 9, "epoch": "e", "items": [], "reason": "history_pruned"}


@pytest.mark.parametrize(
    "path", [WATCHLIST, f"{WATCHLIST}?since=3", f"{LISTS}/kids", LISTS, "/api/v1/devices", PROGRESS, ACTIVITIES]
)
async def test_a_read_beyond_the_limit_is_not_told_to_anybody(path: str) -> None:
    asked: list[JournalMessage] = []
    deps = api_deps(journal=asked.append, limits=Limits(reads_per_second=0.1, read_burst=1))
    deps.quotas.acquire_read("ann", time.monotonic())
    async with client(http_api(deps).app) as api:
        response = await api.get(path, headers=bearer() | {"If-None-Match": '"e-7"'})
    assert (response.status_code, response.headers["Retry-After"], asked) == (429, "10", [])


@pytest.mark.parametrize("path", [WATCHLIST, f"{WATCHLIST}?since=3", PROGRESS])
async def test_who_does_not_read_its_lists_is_told_of_no_more(path: str) -> None:
    asked: list[JournalMessage] = []
    deps = api_deps(journal=asked.append)
    deps.quotas.begin_answer("ann", MAX_UNREAD_BYTES)
    async with client(http_api(deps).app) as api:
        response = await api.get(path, headers=bearer())
    assert (response.status_code, response.headers["Retry-After"], asked) == (429, "10", [])
