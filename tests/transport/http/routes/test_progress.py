"""Playback progress over HTTP."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.daemon import FILM, DaemonProcess, bearer
from tests.timeouts import TIMEOUT_S
from tests.transport.http.conftest import Ask

PROGRESS = "/api/v1/sync/progress"
ACTIVITIES = "/api/v1/sync/last_activities"


def stamp(second: int) -> dict[str, Any]:
    return {"timestamp": {"physical": 1_790_000_000_000 + 1000 * second, "logical": 0, "node": "phone"}}


@pytest.mark.integration
async def test_progress_is_kept_and_the_latest_word_holds(ask: Ask) -> None:
    played = {"content_id": FILM, "position_seconds": 1800.5, "duration_seconds": 7200, "state": "playing"}
    status, first = await ask("POST", PROGRESS, played | stamp(5))
    assert status == 200
    assert first == {
        "success": True, "content_id": FILM, "status": "updated", "position_seconds": 1800.5,
        "completion_percent": 25.0, "revision": 1, "watched": False, **stamp(5),
    }  # fmt: skip
    _, older = await ask("POST", PROGRESS, {"content_id": FILM, "position_seconds": 7000} | stamp(4))
    assert older == first | {"status": "superseded"}
    _, later = await ask("POST", PROGRESS, {"content_id": FILM, "position_seconds": 6480} | stamp(6))
    assert (later["completion_percent"], later["watched"], later["revision"]) == (90.0, True, 2)
    _, unwatched = await ask(
        "POST", PROGRESS, {"content_id": FILM, "position_seconds": 6480, "watched": False} | stamp(7)
    )
    assert unwatched["watched"] is False
    status, removed = await ask("POST", PROGRESS, {"content_id": FILM, "operation": "remove"} | stamp(8))
    assert (status, removed["status"], removed["position_seconds"]) == (200, "removed", 0)
    status, problem = await ask("POST", PROGRESS, {"content_id": FILM, "operation": "remove"} | stamp(9))
    assert (status, problem["detail"]) == (404, f"content_id: {FILM} is not in the progress.")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "missing required field `position_seconds`"),
        ({"position_seconds": -1}, "$.position_seconds"),
        ({"position_seconds": 1e8}, "$.position_seconds"),
        ({"position_seconds": "1"}, "$.position_seconds"),
        ({"position_seconds": 1, "duration_seconds": -0.5}, "$.duration_seconds"),
        ({"position_seconds": 1, "state": "dancing"}, "state: must be one of playing, paused, stopped."),
        ({"position_seconds": 1, "content_id": "tt0111161"}, "content_id: must be a UUID"),
        ({"position_seconds": 1, "timestamp": {"physical": 2**47, "logical": 0, "node": "n"}}, "timestamp: the clock"),
    ],
)
async def test_a_refusal_names_the_field(ask: Ask, fields: Any, said: str) -> None:
    status, problem = await ask("POST", PROGRESS, {"content_id": FILM} | fields)
    assert (status, said in problem["detail"]) == (400, True), problem


@pytest.mark.integration
async def test_what_was_played_is_read_as_a_list_as_changes_and_as_what_to_go_on_with(ask: Ask) -> None:
    other = FILM[:-1] + "2"
    _, nothing = await ask("GET", ACTIVITIES)
    await ask("POST", PROGRESS, {"content_id": FILM, "position_seconds": 60, "duration_seconds": 120} | stamp(5))
    await ask("POST", PROGRESS, {"content_id": other, "position_seconds": 95, "duration_seconds": 100} | stamp(6))
    _, page = await ask("GET", PROGRESS)
    assert [item["content_id"] for item in page["items"]] == [other, FILM]
    assert page["items"][1] == {
        "content_id": FILM, "position_seconds": 60, "duration_seconds": 120, "state": "playing", "watched": False,
        "completion_percent": 50.0, "updated_at": "2026-09-21T14:13:25.000+00:00", "device_id": "phone",
    }  # fmt: skip
    tag = f'"{page["epoch"]}-2"'
    assert (await ask("GET", PROGRESS, **{"If-None-Match": tag}))[0] == 304
    _, begun = await ask("GET", f"{PROGRESS}?state=in_progress")
    assert [item["content_id"] for item in begun["items"]] == [FILM]
    _, first = await ask("GET", f"{PROGRESS}?limit=1")
    _, rest = await ask("GET", f"{PROGRESS}?limit=1&cursor={first['next']}")
    assert [item["content_id"] for item in first["items"] + rest["items"]] == [other, FILM]
    _, changes = await ask("GET", f"{PROGRESS}?since=1")
    assert [(one["type"], one["content_id"], one["revision"]) for one in changes["changes"]] == [
        ("progress_update", other, 2)
    ]
    of_nothing = f'"{nothing["epoch"]}-0"'  # the watchlist has not changed since
    status, activities = await ask("GET", ACTIVITIES, **{"If-None-Match": of_nothing})
    assert status == 200
    assert activities == {"watchlist": 0, "epoch": page["epoch"], "progress": 2}
    assert (await ask("GET", f"{PROGRESS}?state=watched"))[0] == 400


@pytest.mark.integration
async def test_a_device_says_it_over_its_socket_and_the_others_are_shown_it(daemon: DaemonProcess, user: str) -> None:
    def device(name: str, query: str = "") -> Any:
        return connect(daemon.ws_url + query, additional_headers=bearer(user, name))

    async with asyncio.timeout(TIMEOUT_S), device("tv") as tv, device("phone", "?since=progress:0") as phone:
        assert json.loads(await phone.recv())["collection"] == "progress"
        write = {"type": "progress_update", "content_id": FILM, "position_seconds": 5, "id": "w1"}
        await phone.send(json.dumps(write | stamp(5)))
        told = [json.loads(await phone.recv()) for _ in range(2)]
        (ack,) = [one for one in told if one["type"] == "ack"]
        assert ack == {"type": "ack", "id": "w1", "status": "updated", "revision": 1} | stamp(5)
        await phone.send(json.dumps(write | stamp(4)))
        assert json.loads(await phone.recv()) == ack | {"status": "superseded"}
        await phone.send(json.dumps(write | {"position_seconds": -1}))
        refused = json.loads(await phone.recv())
        assert (refused["code"], refused["field"]) == ("invalid_field", "position_seconds")
        shown = json.loads(await tv.recv())
        assert (shown["type"], shown["position"], shown["action"], shown["revision"]) == (
            "progress_update",
            5,
            "update",
            1,
        )
        for position in (6, 7, 8):
            await phone.send(json.dumps(write | {"position_seconds": position}))
            while json.loads(await phone.recv())["type"] != "ack":
                pass
        assert [json.loads(await tv.recv())["position"] for _ in range(3)] == [6, 7, 8]
        async with device("late", "?since=progress:1") as late:
            resumed, newest = json.loads(await late.recv()), json.loads(await late.recv())
    assert (resumed["recovered"], resumed["revision"], resumed["collection"]) == (True, 4, "progress")
    assert (newest["position"], newest["revision"]) == (8, 4), "what it has replaced is not told"
