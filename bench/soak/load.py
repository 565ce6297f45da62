"""Those who write: apps, plain HTTP, devices that come late, publishers who are not nodes."""

import asyncio
import json
import time
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from syncd_client import Client, Confirmed, Refused

from bench.soak.ledger import BULK, FIRST_FOREIGN_FILM, USERS, WATCHLIST, Ledger, Write, bearer, film, token

FILMS_PER_USER: Final = 50
MAX_QUEUED: Final = 50
RETRY_S: Final = 0.3
YEAR_MS: Final = 365 * 86_400_000
REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
"""A node that is stopped does not answer, and its work may be another's: try again."""


class App:
    """A person's device: adds and removes at random, with a network or without."""

    def __init__(self, url: str, user: str, number: int, ledger: Ledger, seed: int) -> None:
        self.user = user
        self.client = Client(url.replace("http", "ws", 1))
        self._random, self._ledger = Random(f"{seed} {user} {number}"), ledger
        self._settled: set[str] = set()

        async def get_token() -> str:
            return token(user, f"app-{number}")

        self.client.subscribe(self._note)
        self.client.sign_in(user, get_token)

    @property
    def contents(self) -> frozenset[str]:
        """What it shows."""
        return frozenset(item.content_id for item in self.client.items)

    def _note(self, event: object) -> None:
        match event:
            case Confirmed(operation_id=operation_id, revision=revision, content_id=content_id):
                if operation_id in self._settled:
                    self._ledger.wrong(f"{self.user}: {operation_id} confirmed twice")
                self._settled.add(operation_id)
                self._ledger.acknowledge(self.user, Write(operation_id, content_id), revision)
            case Refused(message=message):
                self._ledger.wrong(f"{self.user}: refused: {message}")

    async def live(self, writes_per_s: float) -> None:
        """Write, for ever."""
        while True:
            await asyncio.sleep(self._random.expovariate(writes_per_s))
            change = self.client.add if self._random.random() < 0.7 else self.client.remove
            content_id = film(self._random.randrange(FILMS_PER_USER))
            if self.client.queued < MAX_QUEUED:
                change(content_id)


async def until_answered(
    http: aiohttp.ClientSession, url: str, body: Any, headers: dict[str, str], ledger: Ledger
) -> dict[str, Any]:
    """POST until there is a 200 or a 404; its body. Any other answer than "later" is a wrong."""
    while True:
        with suppress(aiohttp.ClientError, OSError):  # a TimeoutError among them
            async with http.post(url, json=body, headers=headers, timeout=REQUEST_TIMEOUT) as response:
                answer: dict[str, Any] = await response.json(content_type=None)
                if response.status in (200, 404):
                    return answer
                if response.status not in (429, 503):
                    ledger.wrong(f"{response.status} to {body}: {answer}")
        ledger.counts["requests repeated"] += 1
        await asyncio.sleep(RETRY_S)


async def http_writer(number: int, url: str, ledger: Ledger, seed: int, ends_s: float, writes_per_s: float) -> None:
    """Write for anybody by single requests until ``ends_s`` (``time.monotonic``), each until it is answered."""
    random, numbers = Random(f"{seed} http {number}"), count()
    async with aiohttp.ClientSession() as http:
        while time.monotonic() < ends_s:
            await asyncio.sleep(random.expovariate(writes_per_s))
            user, write = (
                random.choice(USERS),
                Write(f"http-{number}-{next(numbers)}", film(random.randrange(FILMS_PER_USER))),
            )
            body = {"operation": random.choice(("add", "add", "remove")), **write._asdict()}
            answer = await until_answered(http, url + WATCHLIST, body, bearer(user, f"http-{number}"), ledger)
            ledger.acknowledge(user, write, answer.get("revision"))


async def late_batches(url: str, ledger: Ledger, seed: int, ends_s: float) -> None:
    """Be devices whose clocks are wrong and that come with what they queued; some come twice with the same."""
    random, numbers = Random(f"{seed} late"), count()
    async with aiohttp.ClientSession() as http:
        while time.monotonic() < ends_s:
            await asyncio.sleep(random.expovariate(1.0))
            number, user, skew_ms = next(numbers), random.choice(USERS), random.choice([-YEAR_MS, -60_000, 20_000])
            writes = [
                Write(f"late-{number}-{index}", film(random.randrange(FILMS_PER_USER)))
                for index in range(random.randrange(1, 100))
            ]
            for _ in range(random.choice((1, 1, 2))):
                await _bring(http, url, user, writes, skew_ms, ledger)


async def _bring(
    http: aiohttp.ClientSession, url: str, user: str, writes: list[Write], skew_ms: int, ledger: Ledger
) -> None:
    now_ms = time.time_ns() // 1_000_000
    batch = [{"operation": "add", **write._asdict(), "timestamp": _stamp(now_ms + skew_ms)} for write in writes]
    batch.append({"operation": "add", "content_id": film(0), "timestamp": _stamp(now_ms + YEAR_MS)})
    answer = await until_answered(http, url + BULK, {"operations": batch}, bearer(user, "late"), ledger)
    *results, year_ahead = answer["results"]
    if year_ahead["status"] != "refused":
        ledger.wrong(f"{user}: a timestamp a year ahead was accepted: {year_ahead}")
    for write, result in zip(writes, results, strict=True):
        ledger.acknowledge(user, write, result.get("revision"))


def _stamp(physical_ms: int) -> dict[str, Any]:
    return {"physical": physical_ms, "logical": 0, "node": "late"}


async def pour(url: str, user: str, name: str, writes: int, ledger: Ledger) -> None:
    """Write so much at once that whoever does not read falls behind."""
    batch = [Write(f"{name}-{number}", film(number % FILMS_PER_USER)) for number in range(writes)]
    body = {"operations": [{"operation": "add", **write._asdict()} for write in batch]}
    async with aiohttp.ClientSession() as http:
        answer = await until_answered(http, url + BULK, body, bearer(user, "poured".ljust(128, "-")), ledger)
    for write, result in zip(batch, answer["results"], strict=True):
        ledger.acknowledge(user, write, result.get("revision"))


async def foreign_publisher(broker_url: str, ledger: Ledger, seed: int) -> None:
    """Publish, for ever, what nodes apply from others: adds, each sometimes twice, and playback progress."""
    random, numbers = Random(f"{seed} foreign"), count()
    async with aiohttp.ClientSession() as http:
        while True:
            await asyncio.sleep(random.expovariate(1.0))
            number, user = next(numbers), random.choice(USERS)
            add = {
                "type": "watchlist_update",
                "operation": "add",
                "content_id": film(FIRST_FOREIGN_FILM + number),
                "unique_tag": f"movie-{number}",
                "timestamp": _stamp(time.time_ns() // 1_000_000),
                "device_id": "partner",
            }
            progress: dict[str, Any] = {"type": "progress_update", "content_id": film(number)}
            progress |= {"position_seconds": number, "duration_seconds": 7200}
            for message in (progress, *([add] * random.choice((1, 2)))):
                path = f"/publish/dev/dev/0/user.{user}.sync/0/{quote(json.dumps(message), safe='')}"
                with suppress(aiohttp.ClientError, OSError):
                    async with http.get(broker_url + path, timeout=REQUEST_TIMEOUT) as response:
                        ledger.counts["messages of foreign publishers"] += response.status == 200
