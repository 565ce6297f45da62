"""Playback progress over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.daemon import FILM, bearer

PROGRESS = "/api/v1/sync/progress"
Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def ask(api: aiohttp.ClientSession, user: str) -> Ask:
    """``await ask(method, path, body, **headers)``: status, and the answer."""

    async def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        async with api.request(method, path, json=body, headers=bearer(user) | headers) as response:
            return response.status, await response.json(content_type=None) if await response.read() else None

    return ask


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
        ({}, "position_seconds: an update needs it"),
        ({"position_seconds": -1}, "$.position_seconds"),
        ({"position_seconds": 1e8}, "$.position_seconds"),
        ({"position_seconds": "1"}, "$.position_seconds"),
        ({"position_seconds": 1, "duration_seconds": -0.5}, "$.duration_seconds"),
        ({"position_seconds": 1, "state": "dancing"}, "$.state"),
        ({"position_seconds": 1, "content_id": "tt0111161"}, "content_id: must be a UUID"),
        ({"position_seconds": 1, "timestamp": {"physical": 2**47, "logical": 0, "node": "n"}}, "timestamp: the clock"),
    ],
)
async def test_a_refusal_names_the_field(ask: Ask, fields: Any, said: str) -> None:
    status, problem = await ask("POST", PROGRESS, {"content_id": FILM} | fields)
    assert (status, said in problem["detail"]) == (400, True), problem
