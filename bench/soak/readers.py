"""Those who read: a witness on a socket, the journal's changes and a browser's pages over HTTP."""

import asyncio
import json
from contextlib import suppress
from random import Random
from typing import Any, Final

import aiohttp
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from bench.soak.ledger import USERS, WATCHLIST, Change, Ledger, Listing, bearer
from bench.soak.load import REQUEST_TIMEOUT, RETRY_S

PAGE: Final = 20


async def witness(url: str, user: str, ledger: Ledger) -> None:
    """Follow a user's revisions over a socket and every reconnect, for ever: each once, in order."""
    seen, epoch = ledger.witnessed[user], ""
    while True:
        query = f"since={len(seen)}" + (f"&epoch={epoch}" if epoch else "")
        address = f"{url.replace('http', 'ws', 1)}/ws?{query}"
        with suppress(OSError, WebSocketException):  # a TimeoutError among them
            async with connect(address, additional_headers=bearer(user, "witness"), compression=None) as device:
                async for text in device:
                    match json.loads(text):
                        case {"type": "resumed", "recovered": True} as message:
                            epoch = message["epoch"]
                        case {"type": "watchlist_update"} as message:
                            if message["revision"] != len(seen) + 1:
                                ledger.wrong(f"{user}: {message['revision']} was shown after {len(seen)}")
                            seen.append(Change(message["action"], message["content_id"]))
                            ledger.counts["updates witnessed"] += 1
                        case {"type": "progress_update" | "goodbye" as kind}:
                            ledger.counts[f"{kind} witnessed"] += 1
                        case message:
                            ledger.wrong(f"{user}: the witness was told {message}")
        await asyncio.sleep(RETRY_S)


async def follow_the_journal(url: str, ledger: Ledger, pause_s: float) -> None:
    """Read every user's changes over HTTP, again and again; faster than the journal forgets."""
    async with aiohttp.ClientSession() as http:
        while True:
            for user in USERS:
                await read_changes(http, url, user, ledger)
                await asyncio.sleep(pause_s / len(USERS))


async def read_changes(http: aiohttp.ClientSession, url: str, user: str, ledger: Ledger) -> None:
    """Read all that the journal has on top of what it has told already."""
    recorded = ledger.recorded[user]
    has_more = True
    while has_more:
        head = ledger.head(user)
        _, page, _ = await _get(http, f"{url}{WATCHLIST}?since={len(recorded)}", bearer(user, "journal"), ledger)
        if "changes" not in page:
            ledger.wrong(f"{user}: no changes since {len(recorded)}: {page.get('reason')}")
            return
        for change in page["changes"]:
            if change["revision"] != len(recorded) + 1:
                ledger.wrong(f"{user}: the journal has {change['revision']} after {len(recorded)}")
            recorded.append(Change(change["action"], change["content_id"]))
        has_more = page.get("has_more", False)
        if not has_more and len(recorded) < head:
            ledger.wrong(f"{user}: the journal ends at {len(recorded)}, but {head} was acknowledged before")


async def browser(url: str, seed: str, ledger: Ledger, reads_per_s: float) -> None:
    """Open a page of somebody's list, for ever: in pages of items, or only if it has changed."""
    random = Random(f"{seed} browser")
    known: dict[str, tuple[str, int]] = {}
    """User -> the latest answer's entity tag and revision."""
    async with aiohttp.ClientSession() as http:
        while True:
            await asyncio.sleep(random.expovariate(reads_per_s))
            user, wants_pages = random.choice(USERS), random.random() < 0.5
            head = ledger.head(user)
            if wants_pages:
                revision = await _read_pages(http, url, user, ledger)
            else:
                revision = await _read_if_changed(http, url, user, ledger, known)
            if revision < head:
                ledger.wrong(f"{user}: a list of revision {revision} was shown, but {head} was acknowledged before")


async def _read_pages(http: aiohttp.ClientSession, url: str, user: str, ledger: Ledger) -> int:
    """Return the revision that all pages show."""
    while True:
        contents: list[str] = []
        cursor: str | None = ""
        revision: int | None = None
        while cursor is not None:
            query = f"limit={PAGE}" + (f"&cursor={cursor}" if cursor else "")
            status, page, _ = await _get(http, f"{url}{WATCHLIST}?{query}", bearer(user, "browser"), ledger)
            if status == 410:
                ledger.counts["listings started again"] += 1
                break
            if revision not in (None, page["revision"]):
                ledger.wrong(f"{user}: pages of revisions {revision} and {page['revision']} in one listing")
            revision, cursor = page["revision"], page.get("next")
            contents += [item["content_id"] for item in page["items"]]
        else:
            assert revision is not None
            _note_listing(user, revision, contents, ledger)
            return revision


async def _read_if_changed(
    http: aiohttp.ClientSession, url: str, user: str, ledger: Ledger, known: dict[str, tuple[str, int]]
) -> int:
    tag, revision = known.get(user, ("", 0))
    headers = bearer(user, "browser") | ({"If-None-Match": tag} if tag else {})
    status, page, tag = await _get(http, url + WATCHLIST, headers, ledger)
    if status == 304:
        ledger.counts["lists not read, as unchanged"] += 1
        return revision
    known[user] = tag, page["revision"]
    _note_listing(user, page["revision"], [item["content_id"] for item in page["items"]], ledger)
    return int(page["revision"])


def _note_listing(user: str, revision: int, contents: list[str], ledger: Ledger) -> None:
    ledger.counts["lists read"] += 1
    if len(set(contents)) != len(contents):
        ledger.wrong(f"{user}: a list of revision {revision} has a content twice")
    ledger.listings[user].append(Listing(revision, frozenset(contents)))


async def _get(
    http: aiohttp.ClientSession, url: str, headers: dict[str, str], ledger: Ledger
) -> tuple[int, dict[str, Any], str]:
    """GET until there is an answer: its status, body and entity tag."""
    while True:
        with suppress(aiohttp.ClientError, OSError):
            async with http.get(url, headers=headers, timeout=REQUEST_TIMEOUT) as response:
                answer = {} if response.status == 304 else await response.json(content_type=None)
                if response.status in (200, 304, 410):
                    return response.status, answer, response.headers.get("ETag", "")
                if response.status not in (429, 503):
                    ledger.wrong(f"{response.status} to {url}: {answer}")
        ledger.counts["requests repeated"] += 1
        await asyncio.sleep(RETRY_S)
