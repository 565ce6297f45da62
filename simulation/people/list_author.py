"""A backend that alone writes to a user's lists beside the watchlist, over HTTP: it knows what each write must become.

It writes one thing after the other, by whichever node, and repeats each until it is decided. So it can say of every
list what its revisions are, and what is in it at each: the latest word on ``data`` and ``position``, nothing once it is
deleted, and revisions that go on where a deleted list ended.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from simulation.client_deps import ClientDeps
from simulation.clock.wall_clock import START_S
from simulation.judges.history import BACKEND
from simulation.judges.lines import line_of, named
from simulation.judges.oracle import JournalFile, judge_shown
from simulation.node import SimulatedNode
from simulation.people.backend import RETRY_S
from simulation.people.http_client import Response, exchange
from simulation.shape import OUTAGES, Fault, Shape
from simulation.tokens import TOKEN_S, issue_token

NAMES: Final = ("kids", "later")
PATH: Final = "/api/v1/sync/lists"
STAMPS_MS: Final = 1_000
"""Stamps are drawn from so many milliseconds before the world: few come in their order."""
DECIDED: Final = (200, 204, 404)

Item = dict[str, Any]
"""What a content carries: ``data`` and ``position``, as far as there was a word on them."""


class _List(Struct):
    """What one list has to be."""

    first: int = 0
    """The revision that its first one follows."""
    head: int = 0
    exists: bool = False
    items: dict[str, dict[str, tuple[tuple[int, int], Any]]] = field(default_factory=dict)
    """By content and field: the latest word, behind its stamp."""
    updates: dict[int, tuple[str, str, Item]] = field(default_factory=dict)
    """Of this list and of those of its name before: action, content and what it carries, by revision."""

    def shown(self, content_id: str) -> Item:
        """Return what a content carries."""
        return {name: value for name, (_, value) in self.items.get(content_id, {}).items()}

    def listed(self) -> dict[str, Item]:
        """Return what each content carries."""
        return {content_id: self.shown(content_id) for content_id in self.items}


class _Write(Struct, frozen=True):
    """A write, and what it has to be answered."""

    name: str
    """Of the list."""
    body: dict[str, Any]
    status: int
    answer: tuple[str, int | None]


class ListAuthor:
    """Writes to the lists of one user.

    Args:
        deps: of all clients.
        user_id: whose lists.
        contents: what may be in them.
        lists: how many there may be.
        faults: of the world.
    """

    def __init__(self, deps: ClientDeps, user_id: str, contents: list[str], lists: int, faults: frozenset[str]) -> None:
        self._deps = deps
        self._rng = deps.rng
        self._user_id = user_id
        self._contents = contents
        self._lists = {name: _List() for name in NAMES[:lists]}
        self._must_be_answered = not faults & OUTAGES
        self._may_delete = Fault.NODE_PAUSES not in faults
        """A DELETE has no ``operation_id``: a node that does it when it goes on would delete the next list, too."""
        self._deleted = 0
        """The greatest revision at which a list of the user has ended."""
        self._writes: list[_Write] = []
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether everything is decided."""
        return self._task is None

    def go_on(self) -> None:
        """Do another thing, once what is under way is decided."""
        self._waiting += 1
        if self._task is None:
            self._task = self._deps.loop.create_task(self._run())
            self._task.add_done_callback(self._ended)

    async def check(self, nodes: list[SimulatedNode]) -> None:
        """Ask every node for the lists, and what is in them."""
        for node in nodes:
            catalogue = await self._ask(node, f"GET {PATH}")
            every = catalogue.body["lists"] if catalogue else []
            told = [(one["list"], one["revision"]) for one in every if one["list"] in self._lists]
            if told != [(name, each.head) for name, each in sorted(self._lists.items()) if each.exists]:
                self._violate(f"{node.place} tells of other lists than there are: {told}")
            for name, each in self._lists.items():
                page = await self._ask(node, f"GET {PATH}/{name}")
                if page is None or _items(page.body) != each.listed():
                    self._violate(f"{node.place} tells another list {name} than was written")

    def judge(self, journal: JournalFile) -> Iterator[str]:
        """Yield what the journal holds of the lists that was not written, and what it lacks."""
        for name, each in self._lists.items():
            line = line_of(self._user_id, name)
            held = journal.read(line)
            rows = [(row.revision, row.action, row.content_id) for row in held.rows]
            expected = [(revision, action, content) for revision, (action, content, _) in sorted(each.updates.items())]
            if rows != expected:
                yield f"{self._user_id}: the history of list {name} is {rows}, and {expected} was written"
            for text in judge_shown(self._deps.witness, line, held):
                yield f"{named(line)}: {text}"

    # One thing after the other

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._deps.witness.violate(f"{self._user_id}: the author of lists failed: {error!r}")

    async def _run(self) -> None:
        while self._waiting:
            self._waiting -= 1
            name = self._rng.choice(list(self._lists))
            chance = self._rng.random()
            if chance < 0.6:
                await self._write(name, "add" if chance < 0.45 else "remove")
            elif chance < 0.7 and self._may_delete:
                await self._delete(name)
            elif chance < 0.8 and self._writes:
                await self._post(self._rng.choice(self._writes), "repeats")
            else:
                await self._read(name)

    async def _write(self, name: str, action: str) -> None:
        each, content_id = self._lists[name], self._rng.choice(self._contents)
        stamp = self._rng.randrange(STAMPS_MS), len(self._writes)
        body: dict[str, Any] = {
            "operation": action,
            "content_id": content_id,
            "operation_id": f"lists.{len(self._writes)}",
            "timestamp": {"physical": int(START_S * 1000) - STAMPS_MS + stamp[0], "logical": stamp[1], "node": "lists"},
        }
        was_there = content_id in each.items
        if action == "add":
            word = {"data": {"n": stamp[1]}, "position": self._rng.choice("abc")}
            body |= {field: value for field, value in word.items() if self._rng.random() < 0.6}
            self._add(each, content_id, stamp, body)
            answer: tuple[str, int | None] = ("existing" if was_there else "added", each.head)
        elif was_there:
            del each.items[content_id]
            each.head += 1
            each.updates[each.head] = ("remove", content_id, {})
            answer = ("removed", each.head)
        else:
            answer = ("not_found", None)
        write = _Write(name, body, 404 if answer[1] is None else 200, answer)
        self._writes.append(write)
        await self._post(write, action)

    def _add(self, each: _List, content_id: str, stamp: tuple[int, int], body: dict[str, Any]) -> None:
        if not each.exists:
            each.exists, each.first, each.head = True, self._deleted, self._deleted
        words = each.items.setdefault(content_id, {})
        for name in ("data", "position"):
            if name in body:
                words[name] = max(words.get(name, ((-1, 0), None)), (stamp, body[name]), key=lambda word: word[0])
        each.head += 1
        each.updates[each.head] = ("add", content_id, each.shown(content_id))

    async def _post(self, write: _Write, verb: str) -> None:
        name = write.body["operation_id"]
        self._note(f"{verb} {write.body['content_id'][-4:]} in {write.name} for {self._user_id} as {name}")
        response = await self._decided(f"POST {PATH}/{write.name}", write.body)
        if response is None:
            return
        answer = (response.body["status"], response.body.get("revision")) if response.status == 200 else None
        if response.status != write.status or answer not in (None, write.answer):
            self._violate(f"{name} to {write.name} got {response}, not {write.answer}")

    async def _delete(self, name: str) -> None:
        each = self._lists[name]
        self._note(f"deletes {name} for {self._user_id}")
        existed, each.exists, each.items = each.exists, False, {}
        if existed:
            self._deleted = max(self._deleted, each.head + 1)
        response = await self._decided(f"DELETE {PATH}/{name}")
        if response is not None and response.status == 204 and not existed:
            self._violate(f"list {name} was deleted, and there was none")

    async def _read(self, name: str) -> None:
        """Ask what has changed since some revision: each update once and in order, or the list."""
        each = self._lists[name]
        head = each.head if each.exists else self._deleted
        since = self._rng.randint(0, head)
        response = await self._ask(self._deps.choose(), f"GET {PATH}/{name}?since={since}")
        if response is None:
            return
        told = response.body
        if told["revision"] != head:
            self._violate(f"list {name} is at {head}, and was told to be at {told['revision']}")
        elif "items" in told:
            if _items(told) != each.listed():
                self._violate(f"list {name} at {head} is {each.listed()}, and was told to be {_items(told)}")
        else:
            shown = [(one["revision"], (one["action"], one["content_id"], _item(one))) for one in told["changes"]]
            expected = [(revision, each.updates.get(revision)) for revision in range(since + 1, head + 1)]
            if shown != expected or (shown and since < each.first):
                self._violate(f"list {name} has changed by {expected} since {since}, and {shown} was told")

    async def _decided(self, request: str, body: dict[str, Any] | None = None) -> Response | None:
        """Repeat ``request`` until it is decided; ``None``: it went wrong."""
        while True:
            response = await self._ask(self._deps.choose(), request, body)
            if response is not None and response.status in DECIDED:
                return response
            if self._must_be_answered or (response is not None and response.status != 503):
                self._violate(f"{request} got {response}")
                return None
            await asyncio.sleep(RETRY_S * (1 + self._rng.random()))

    async def _ask(self, node: SimulatedNode, request: str, body: dict[str, Any] | None = None) -> Response | None:
        token = issue_token(self._user_id, "backend", START_S + TOKEN_S, "backend")
        encoded = b"" if body is None else msgspec.json.encode(body)
        response = await exchange(self._deps, node, request, token, encoded)
        is_read = request.startswith("GET")
        return None if response is None or (is_read and response.status != 200) else response

    def _note(self, text: str) -> None:
        self._deps.log.note(BACKEND, text)

    def _violate(self, text: str) -> None:
        self._deps.witness.violate(f"{self._user_id}: {text}")


class ListAuthors:
    """The authors of all users' lists: none, if a world's users have none.

    Args:
        deps: of all clients.
        contents: each user's.
        shape: of the world.
    """

    def __init__(self, deps: ClientDeps, contents: dict[str, list[str]], shape: Shape) -> None:
        self._rng = deps.rng
        self._authors = [
            ListAuthor(deps, user_id, of_user, shape.lists, shape.faults)
            for user_id, of_user in contents.items()
            if shape.lists
        ]

    @property
    def is_settled(self) -> bool:
        """Whether everything is decided."""
        return all(author.is_settled for author in self._authors)

    def go_on(self) -> None:
        """Let one of them do another thing."""
        self._rng.choice(self._authors).go_on()

    async def check(self, nodes: list[SimulatedNode]) -> None:
        """Ask every node for everybody's lists."""
        for author in self._authors:
            await author.check(nodes)

    def judge(self, journal: JournalFile) -> Iterator[str]:
        """Yield what the journal holds that was not written, and what it lacks."""
        for author in self._authors:
            yield from author.judge(journal)


def _items(page: dict[str, Any]) -> dict[str, Item]:
    return {item["content_id"]: _item(item) for item in page["items"]}


def _item(told: dict[str, Any]) -> Item:
    return {name: told[name] for name in ("data", "position") if name in told}
