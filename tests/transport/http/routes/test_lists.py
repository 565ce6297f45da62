"""Lists beside the watchlist over HTTP: written, read, named and deleted by their paths."""

from typing import Any

import aiohttp
import pytest
from msgspec import structs

from actors.messages.bus import ShowLists
from actors.messages.channel import HeadMoved
from actors.messages.failures import ReadFailed, WriteFailed, WriteRefused
from actors.messages.lists import DeleteList, ListDeleted, ListPut, PutList, ReadLists
from tests.daemon import FILM, WATCHLIST, bearer
from tests.transport.http.conftest import Ask
from tests.transport.http.lone_api import api_deps, client
from transport.http.api import http_api

LISTS = "/api/v1/sync/lists"
ACTIVITIES = "/api/v1/sync/last_activities"
ADD = {"operation": "add", "content_id": FILM}


@pytest.mark.integration
async def test_a_list_is_written_read_named_and_deleted(ask: Ask) -> None:
    status, written = await ask("POST", f"{LISTS}/kids", ADD | {"data": {"note": "with Zoë"}, "position": "a0"})
    assert (status, written["status"], written["revision"]) == (200, "added", 1)
    status, page = await ask("GET", f"{LISTS}/kids")
    assert [(item["data"], item["position"]) for item in page["items"]] == [({"note": "with Zoë"}, "a0")]
    _, changes = await ask("GET", f"{LISTS}/kids?since=0")
    assert [(one["type"], one["list"], one["revision"]) for one in changes["changes"]] == [("list_update", "kids", 1)]
    tag = f'"{page["epoch"]}-1"'
    assert (await ask("GET", f"{LISTS}/kids", **{"If-None-Match": tag}))[0] == 304
    assert (await ask("PUT", f"{LISTS}/kids", {"name": "For the kids"}))[0] == 200
    assert (await ask("PUT", f"{LISTS}/later", {"name": "Later"}))[0] == 201
    _, lists = await ask("GET", LISTS)
    assert [(one["list"], one["name"], one["revision"]) for one in lists["lists"]] == [
        ("kids", "For the kids", 1), ("later", "Later", 0),
    ]  # fmt: skip
    assert (await ask("DELETE", f"{LISTS}/kids"))[0] == 204
    assert (await ask("DELETE", f"{LISTS}/kids"))[0] == 404
    assert (await ask("GET", f"{LISTS}/kids"))[1]["items"] == []
    assert (await ask("GET", WATCHLIST))[1]["revision"] == 0


@pytest.mark.integration
async def test_last_activities_tell_the_revision_of_each_list_as_long_as_there_is_one(
    ask: Ask, api: aiohttp.ClientSession, user: str
) -> None:
    async def activities() -> tuple[dict[str, Any], str]:
        async with api.get(ACTIVITIES, headers=bearer(user)) as response:
            return await response.json(), response.headers["ETag"]

    epoch, of_none = (await activities())[0]["epoch"], (await activities())[1]
    assert of_none == f'"{epoch}-0"'
    tags = {of_none}
    for change in (("POST", "kids", ADD), ("PUT", "later", {"name": "Later"}), ("POST", "kids", ADD)):
        await ask(change[0], f"{LISTS}/{change[1]}", change[2])
        said, tag = await activities()
        assert (await ask("GET", ACTIVITIES, **{"If-None-Match": tag}))[0] == 304
        tags.add(tag)
    assert said == {"watchlist": 0, "epoch": epoch, "lists": {"kids": 2, "later": 0}}
    assert len(tags) == 4
    for name in ("kids", "later"):
        await ask("DELETE", f"{LISTS}/{name}")
    assert await activities() == ({"watchlist": 0, "epoch": epoch}, of_none)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("kids", ADD | {"position": "x" * 65}, "position: must be 1 to 64 visible ASCII characters."),
        ("kids", ADD | {"position": "é"}, "position: must be 1 to 64 visible ASCII characters."),
        ("kids", ADD | {"data": {"n": "x" * 1024}}, "data: has 1032 bytes as compact JSON, at most 1024 are kept"),
        ("kids", ADD | {"data": [1]}, "$.data"),
        ("kids", ADD | {"data": {"n": 2**64}}, "64 bits"),
        ("no%20space", ADD, "list: must be 1 to 64"),
        ("x" * 65, ADD, "list: must be 1 to 64"),
    ],
)
async def test_a_refusal_names_the_field_and_the_bound(ask: Ask, path: str, body: Any, said: str) -> None:
    status, problem = await ask("POST", f"{LISTS}/{path}", body)
    assert status == 400
    assert said in problem["detail"]


async def test_what_the_journal_cannot_do_is_said(user: str) -> None:
    announced: list[HeadMoved] = []
    shown: list[ShowLists] = []

    def journal(message: Any) -> None:
        match message:
            case ReadLists(reply_to=reply):
                reply(ReadFailed("it is away"))
            case PutList(list="full", reply_to=put):
                put(ListPut(problem="list: there are 100 lists"))
            case PutList(list="many", reply_to=put):
                put(WriteRefused("128 edits of this user's lists wait already"))
            case PutList(list="new", reply_to=put):
                put(ListPut(is_new=True))
            case PutList(reply_to=put):
                put(WriteFailed("it is away"))
            case DeleteList(list="none", reply_to=deleted):
                deleted(ListDeleted(None))
            case DeleteList(reply_to=deleted):
                deleted(ListDeleted(7))

    deps = api_deps(journal=journal)
    deps = type(deps)(**{name: getattr(deps, name) for name in deps.__struct_fields__} | {
        "announce": lambda user_id, moved: announced.append(moved), "show_lists": shown.append
    })  # fmt: skip
    async with client(http_api(deps).app) as http:
        assert (await http.get(LISTS, headers=bearer(user))).status_code == 503
        assert (await http.put(f"{LISTS}/kids", json={"name": "K"}, headers=bearer(user))).status_code == 503
        full = await http.put(f"{LISTS}/full", json={"name": "K"}, headers=bearer(user))
        assert (full.status_code, full.json()["code"], full.json()["field"]) == (409, "quota_exceeded", "list")
        many = await http.put(f"{LISTS}/many", json={"name": "K"}, headers=bearer(user))
        assert (many.status_code, many.json()["code"]) == (429, "quota_exceeded")
        assert "wait already" in many.json()["detail"]
        assert int(many.headers["retry-after"]) > 0
        assert (await http.delete(f"{LISTS}/none", headers=bearer(user))).status_code == 404
        assert shown == []  # nothing has changed
        assert (await http.put(f"{LISTS}/new", json={"name": "N"}, headers=bearer(user))).status_code == 201
        assert (await http.delete(f"{LISTS}/kids", headers=bearer(user))).status_code == 204
        assert shown == [ShowLists(user)] * 2
        assert (await http.get(f"{LISTS}/kids/more", headers=bearer(user))).status_code == 404
        assert (await http.patch(f"{LISTS}/kids", headers=bearer(user))).headers["allow"] == (
            "DELETE, GET, HEAD, OPTIONS, POST, PUT"
        )
    assert announced == [HeadMoved(7, "", collection="list:kids")]


async def test_who_follows_a_list_hears_of_its_end_also_when_nobody_waits_for_that_any_more(user: str) -> None:
    announced: list[HeadMoved] = []
    asked: list[Any] = []
    deps = structs.replace(
        api_deps(journal=asked.append),
        announce=lambda _, moved: announced.append(moved),
        answer_timeout_s=0.01,
    )
    async with client(http_api(deps).app) as http:
        assert (await http.delete(f"{LISTS}/long", headers=bearer(user))).status_code == 503
    (late,) = asked
    assert announced == []
    late.reply_to(ListDeleted(9))
    assert announced == [HeadMoved(9, "", collection="list:long")]
