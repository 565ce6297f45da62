"""Both clients' cores on one script: each step is put into both, and what they do about it is compared."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Raw, Struct
from syncd_client import MemoryStore
from syncd_client.core import events, outputs
from syncd_client.core.core import Core, CoreDeps, NotSignedInError
from syncd_client.core.outputs import Output, Timer
from syncd_client.core.token import read_token
from syncd_client.data import messages
from syncd_client.data.hlc import Timestamp
from syncd_client.data.register_messages import RegisterAction, RegisterWrite
from syncd_client.data.user_state import PendingWrite

from clients.conformance.drivers.python import item_of, put
from simulation.devices.javascript_core import JavascriptCore, SendText
from simulation.devices.javascript_process import JavascriptError

CLIENTS = Path(__file__).parents[2] / "clients"

Step = dict[str, Any]
"""As in clients/conformance/README.md, so that a difference can become a scenario; a text stands for no message."""

START_MS = 1_764_000_000_000

END = "\x1f"
"""Of a list's name in the JavaScript client's keys."""


class DifferenceError(Exception):
    """The cores do not do the same."""


class Pair:
    """A core of each client, and the shell around them: they share one as long as they do the same."""

    def __init__(self) -> None:
        self.wall_ms = START_MS
        self._now_ms = 0
        self._random = 0.5
        self._replicas = 0
        self._store = MemoryStore()
        self._disk: dict[str, list[Raw]] = {}
        self._kept: dict[str, _Kept] = {}
        self._start()

    def _start(self) -> None:
        deps = CoreDeps(now_ms=lambda: self.wall_ms, random=lambda: self._random, new_replica=self._new_replica)
        self.python = Core(deps)
        # It is asked first, and given the name that the other one will take, if that takes one.
        deps = msgspec.structs.replace(deps, new_replica=lambda: f"r{self._replicas + 1}")
        self._javascript = JavascriptCore("lock-step", deps, self._disk)
        self.is_asked = False
        self.is_probing = False
        self.is_opening = False
        self.is_open = False
        self.sent: list[str] = []
        """Writes on the open connection, by id."""
        self._timers: dict[Timer, int] = {}

    def _new_replica(self) -> str:
        self._replicas += 1
        return f"r{self._replicas}"

    def revision_of(self, collection: str) -> int:
        """Return the last one applied to a collection."""
        session = self.python._session
        return 0 if session is None else session.collections.head.of(collection).revision

    def run(self, step: Step) -> None:
        """Take one step with both.

        Raises:
            DifferenceError: they differ.
            JavascriptError: the JavaScript core throws where it may not.
        """
        match step:
            case {"advance": span_ms}:
                self._advance(span_ms)
            case {"clock": wall_ms}:
                self.wall_ms = wall_ms
            case {"random": number}:
                self._random = number
            case {"restart": True}:
                self._start()
            case _:
                self._put(step)

    def _advance(self, span_ms: int) -> None:
        until_ms = self._now_ms + span_ms
        while self._timers and min(self._timers.values()) <= until_ms:
            timer = min(self._timers, key=lambda timer: self._timers[timer])
            self.is_asked = self.is_asked and timer is not Timer.TOKEN
            self._pass(max(0, self._timers.pop(timer) - self._now_ms))
            self._put({"due": timer})
        self._pass(until_ms - self._now_ms)

    def _pass(self, span_ms: int) -> None:
        self._now_ms += span_ms
        self.wall_ms += span_ms

    def _put(self, step: Step) -> None:
        javascript, python = self._of_javascript(step), self._of_python(step)
        if python is None or javascript is None:
            _compare("whether it throws", python is None, javascript is None)
        else:
            _compare("outputs", [*_shown(python)], [*_shown(javascript)])
            self._perform(step, python)
        _compare("state", self.python.state, self._javascript.state)
        _compare("transport", self.python.transport, self._javascript.transport)
        _compare("queue", self.python.queued, self._javascript.queued)
        shown = None, *self.python.opened_lists
        _compare("lists", [self.python.items_of(list_id) for list_id in shown], self._javascript.items_of(*shown))
        _compare(
            "registers",
            [self.python.progress, self.python.devices, self.python.catalogue],
            [*self._javascript.registers()],
        )
        for user_id, saves in self._disk.items():
            kept = self._kept.setdefault(user_id, _Kept())
            kept.take(saves)
            _compare(f"what is kept of {user_id}", _python_state(self._store, user_id), kept.state())

    def _of_python(self, step: Step) -> list[Output] | None:
        core = self.python
        try:
            match step:
                case {"app": {"sign_in": user_id}}:
                    return core.sign_in(user_id, self._store.load(user_id))
                case {"server": message}:
                    return core.received(messages.decode(_text(message)))
                case _:
                    return cast("list[Output]", _input(core, step))
        except (NotSignedInError, ValueError, TypeError):
            return None

    def _of_javascript(self, step: Step) -> Iterable[Output | SendText] | None:
        core = self._javascript
        try:
            match step:
                case {"app": {"sign_in": user_id}}:
                    return core.sign_in(user_id)
                case {"server": message}:
                    return core.received(_text(message))
                case {"app": {"add": content_id, **said}}:  # which the other client's driver would make canonical
                    return core.enqueue("add", content_id, *item_of(said))[1]
                case {"app": {"remove": content_id, **said}} if "collection" not in said:
                    return core.enqueue("remove", content_id, *item_of(said))[1]
                case _:
                    return _input(core, step)
        except JavascriptError:
            if "raises" in step:
                return None
            raise

    def _perform(self, step: Step, out: list[Output]) -> None:
        if not step.keys().isdisjoint({"token", "token_failed", "token_unusable"}):
            self.is_asked = False
        if "probed" in step:
            self.is_probing = False
        if "open" in step:
            self.is_opening, self.is_open = False, True
        if not step.keys().isdisjoint({"close", "open_failed"}):
            self._end()
        for output in out:
            match output:
                case outputs.AskToken():
                    self.is_asked = True
                case outputs.Open():
                    self.is_opening = True
                case outputs.Probe():
                    self.is_probing = True
                case outputs.Send(message=messages.Write(id=operation_id) | RegisterWrite(id=operation_id)):
                    self.sent.append(operation_id)
                case outputs.Close():
                    self._end()
                case outputs.StartTimer(timer=timer, after_ms=after_ms):
                    self._timers[timer] = self._now_ms + after_ms
                case outputs.StopTimer(timer=timer):
                    self._timers.pop(timer, None)
                case outputs.Save(user_id=user_id, changes=changes):
                    self._store.save(user_id, changes)
                case outputs.Erase(user_id=user_id):
                    self._store.erase(user_id)
                case _:
                    pass

    def _end(self) -> None:
        self.is_asked = self.is_probing = self.is_opening = self.is_open = False
        self.sent = []


def _input(core: Core | JavascriptCore, step: Step) -> Iterable[Output | SendText]:
    if "token" in step:
        return core.token(read_token(_web_token(step["token"])))
    return put(cast("Core", core), step)  # the other one has the same methods


def _compare(what: str, python: object, javascript: object) -> None:
    if python != javascript:
        raise DifferenceError(f"{what}:\n  Python     {python}\n  JavaScript {javascript}")


def _web_token(claims: object) -> str:
    """Return a token from which either client reads ``sub`` and ``exp``; a value of more than a letter, as it is."""
    match claims:
        case {"value": str(value)} if len(value) != 1:
            return value
    return f"head.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.mac"


def _text(message: object) -> str:
    return message if isinstance(message, str) else json.dumps(message)


def _shown(out: Iterable[Output | SendText]) -> Iterable[object]:
    """Yield what is to be the same; what is saved is compared by what comes of it, and reasons are for people."""
    for output in out:
        match output:
            case outputs.Save() | outputs.Erase():
                pass
            case outputs.Send(message=message):
                yield json.loads(messages.encode(message))
            case SendText(text=text):
                yield json.loads(text)
            case outputs.Emit(event=events.Disconnected() as event):
                yield msgspec.structs.replace(event, reason="")
            case _:
                yield output


def _python_state(store: MemoryStore, user_id: str) -> object:
    state = store.load(user_id)
    if state is None:
        return {}, {}, []
    head = msgspec.to_builtins(state.head)
    del head["clock"]["node"]
    return head, {item.key: msgspec.to_builtins(item) for item in state.items}, [*state.queue]


class _Kept:
    """What the changes that the JavaScript core has saved lead to."""

    def __init__(self) -> None:
        self._taken = 0
        self._clear()

    def _clear(self) -> None:
        self._head: dict[str, Any] = {}
        self._items: dict[str, Any] = {}
        self._queue: dict[int, PendingWrite] = {}

    def take(self, saves: list[Raw]) -> None:
        """Apply those of ``saves`` that are new."""
        for changes in saves[self._taken :]:
            for change in msgspec.json.decode(changes):
                self._apply(change)
        self._taken = len(saves)

    def state(self) -> object:
        """Return it in the shape of ``_python_state``."""
        return self._head, self._items, [*self._queue.values()]

    def _apply(self, change: dict[str, Any]) -> None:
        match change:
            case {"set": fields}:
                if collections := fields.pop("lists", None):
                    fields |= _heads({prefix.removesuffix(END): head for prefix, head in collections.items()})
                self._head |= fields
            case {"put": item}:
                self._items[_key(item["content_id"])] = item | _named(item["content_id"])
            case {"drop": key}:
                self._items.pop(_key(key), None)
            case {"clear": True}:
                self._items.clear()
            case {"queue": write}:
                named = write | _named(write["content_id"])
                self._queue[write["number"]] = msgspec.convert(named, _JavascriptWrite).as_python()
            case {"settle": number}:
                del self._queue[number]
            case {"erase": True}:
                self._clear()
            case _:
                raise AssertionError(change)


def _key(key: str) -> str:
    """Return Python's key of an item."""
    return key[1:] if key.startswith(":") else key.replace(END, "/")


def _named(key: str) -> dict[str, str]:
    """Return what Python has in the place of a key: the content's id, and the list's or the registers', if any."""
    *collection, content_id = key.split(END)
    if not collection:
        return {"content_id": content_id}
    (name,) = collection
    return {"content_id": content_id} | ({"registers": name[1:]} if name.startswith(":") else {"list": name})


def _heads(collections: dict[str, Any]) -> dict[str, Any]:
    """Return what Python has in the place of the heads of all collections but the watchlist."""
    registers = {name[1:]: head for name, head in collections.items() if name.startswith(":")}
    lists = {name: head for name, head in collections.items() if not name.startswith(":")}
    return {name: heads for name, heads in (("lists", lists), ("registers", registers)) if heads}


class _JavascriptWrite(Struct, rename={"is_unstamped": "isUnstamped", "refused_tags": "refusedTags"}):
    operation_id: str
    operation: messages.Action | RegisterAction
    content_id: str
    observed: int
    timestamp: Timestamp
    tag: str | None = None
    is_unstamped: bool = False
    refused_tags: int = 0
    data: dict[str, Any] | None = None
    position: str | None = None
    list: str | None = None
    registers: str | None = None

    def as_python(self) -> PendingWrite:
        return PendingWrite(**msgspec.structs.asdict(self))
