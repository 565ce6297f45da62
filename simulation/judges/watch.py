"""What one connection is told: judged as it comes, by what the protocol promises and nothing else."""

from collections.abc import Iterator
from re import compile as compile_pattern
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from simulation.judges.lines import DEVICES, PROGRESS, line_of, line_of_registers, named
from simulation.judges.witness import Answer, Witness, carried

TRY_AGAIN: Final = frozenset({"try_again_later", "malformed", "unauthorized"})
"""Errors that decide nothing about a write."""

OF_A_BAD_LINK: Final = frozenset({4001, 4002})
"""Close codes: no sign of life; reads too slowly."""
NOBODYS_FAULT: Final = frozenset({1001, 1006, 1013, 4004, 4500, 4501})
"""Close codes: a restart; a broken link; no answer now; an operator; a token that has ended, or was revoked."""


WATCHLIST: Final = "watchlist"
_SINCE: Final = compile_pattern(r"(.+?):(\d+)(?::(.*))?")


class ConnectionWatch:
    """Judges what one connection is told: of each list each revision once and in order, or an honest snapshot.

    Args:
        target: what the device asked for, with ``since``.
    """

    def __init__(self, witness: Witness, user_id: str, device: str, target: str) -> None:
        self._witness = witness
        self._user_id = user_id
        self._device = device
        self._watches = {
            name: _WATCHES.get(name, _ListWatch)(witness, _line_of(user_id, name), device, since, epoch)
            for name, since, epoch in _asked(target)
        }
        """By collection, those that it follows."""
        self._has_ended = False

    def end(self) -> None:
        """Judge nothing more."""
        self._has_ended = True

    def see(self, told: dict[str, Any]) -> None:
        """Judge one message."""
        if self._has_ended:
            return
        match told["type"]:
            case "device_command":
                self._witness.commands.told(self._user_id, self._device, self, told)
            case "ack" | "error" as kind if told.get("id") in self._witness.commands.sent:
                self._witness.commands.answered(told["id"], told["status"] if kind == "ack" else told["code"])
            case "ack":
                self._witness.answered(self._user_id, told["id"], Answer(told["status"], told.get("revision")))
            case "error" if told["code"] == "not_found":
                self._witness.answered(self._user_id, told["id"], Answer("not_found", None))
            case "error" if told["code"] not in TRY_AGAIN and told.get("field") != "timestamp":
                self._violate(f"got the error {told}")
            case kind if "revision" in told:
                self._see_collection(kind, told)
            case _:
                pass

    def closed(self, code: int, *, is_link_fine: bool) -> None:
        """Judge why the service has ended it.

        Who was away itself may not take that for the device's silence; and no device breaks a rule, nor the service.
        """
        if code in OF_A_BAD_LINK and is_link_fine:
            self._violate(f"was closed with {code}, and its link was fine")
        elif code not in OF_A_BAD_LINK | NOBODYS_FAULT:
            self._violate(f"was closed with {code}")

    def _see_collection(self, kind: str, told: dict[str, Any]) -> None:
        name = _collection_of(kind, told)
        if (watch := self._watches.get(name)) is None:
            self._violate(f"was told of {name}, which it does not follow")
        elif kind == "resumed":
            watch.resume(told)
        elif kind.endswith("_update"):
            watch.update(told)
        elif kind.endswith("_snapshot"):
            watch.show_all(told, told["items"])
        else:
            watch.piece(told)

    def _violate(self, text: str) -> None:
        self._witness.violate(f"{self._device} of {self._user_id} {text}")


class _ListWatch:
    """Judges what a connection is told of one list.

    Args:
        line: whose, and which.
        since: from which revision the device asked to go on.
        epoch: of that, as far as the device knew it.
    """

    def __init__(self, witness: Witness, line: str, device: str, since: int, epoch: str | None) -> None:
        self._witness = witness
        self._line = line
        self._device = device
        self._since = since
        self._asked_epoch = epoch
        self._epoch: str | None = None
        """Of what it is told."""
        self._next: int | None = None
        """The revision that must come next; ``None``: it has not been said where it begins."""
        self._awaits_list = False
        self._pieces: list[dict[str, Any]] = []
        self._has_whole = True
        """It has been told the list from its start on: another connection may have brought the pieces before."""

    def resume(self, told: dict[str, Any]) -> None:
        """Judge from where on it is told."""
        self._epoch = told["epoch"]
        if told["recovered"]:
            if self._asked_epoch not in (None, self._epoch):
                self._violate(f"was resumed in epoch {self._epoch} with a revision of {self._asked_epoch}")
            if self._next is not None:
                self._violate("was resumed twice")
            self._next = self._since + 1
            return
        self._awaits_list, self._pieces, self._has_whole = True, [], True
        if self._asked_epoch not in (None, self._epoch):
            self._witness.start_again(self._line)

    def update(self, told: dict[str, Any]) -> None:
        """Judge an update."""
        revision = told["revision"]
        if self._next is None or self._awaits_list:
            self._violate(f"was shown revision {revision} before it was said where it begins")
        elif revision != self._next:
            self._violate(f"was shown revision {revision} where {self._next} comes next")
        self._next = revision + 1
        self._witness.show(self._line, revision, told)

    def show_all(self, told: dict[str, Any], items: list[dict[str, Any]]) -> None:
        """Judge a whole list."""
        revision: int = told["revision"]
        if not self._awaits_list:
            self._violate("was shown a list unasked")
        elif told["epoch"] != self._epoch:
            self._violate(f"was told of epoch {self._epoch} and shown a list of {told['epoch']}")
        self._awaits_list = False
        self._next = revision + 1
        if self._has_whole:
            self._know_all(revision, items)

    def piece(self, told: dict[str, Any]) -> None:
        """Judge a part of a list, with the last one the whole."""
        if told.get("start"):
            self._pieces, self._has_whole = [], True
        elif not self._pieces:
            self._has_whole = False
        self._pieces += told["items"]
        if told.get("next") is None:
            self.show_all(told, self._pieces)

    def _know_all(self, revision: int, items: list[dict[str, Any]]) -> None:
        self._witness.show_list(self._line, revision, frozenset((item["content_id"], carried(item)) for item in items))

    def _violate(self, text: str) -> None:
        self._witness.violate(f"{self._device} of {named(self._line)} {text}")


class _RegisterWatch(_ListWatch):
    """What was missed of registers has holes, and ends at the revision of ``resumed``; what comes live has none."""

    _missed = 0
    """Up to this revision there may be holes."""

    @override
    def resume(self, told: dict[str, Any]) -> None:
        if told["recovered"] and self._next is not None:  # what its node has missed has holes, too
            self._since, self._next = self._next - 1, None
        super().resume(told)
        self._missed = told["revision"] if told["recovered"] else 0

    @override
    def update(self, told: dict[str, Any]) -> None:
        revision = told["revision"]
        if self._next is None or self._awaits_list:
            self._violate(f"was shown revision {revision} before it was said where it begins")
        elif not self._next <= revision <= max(self._next, self._missed):
            self._violate(
                f"was shown revision {revision} where {self._next} comes next, with holes up to {self._missed}"
            )
        self._next = revision + 1
        self._know(told)

    def _know(self, told: dict[str, Any]) -> None:
        pass  # of devices it is looked at in the end what is shown of them

    @override
    def _know_all(self, revision: int, items: list[dict[str, Any]]) -> None:
        pass


class _ProgressWatch(_RegisterWatch):
    @override
    def _know(self, told: dict[str, Any]) -> None:
        self._witness.registers.show(self._line, told)

    @override
    def _know_all(self, revision: int, items: list[dict[str, Any]]) -> None:
        self._witness.registers.show_all(self._line, revision, {item["content_id"]: item for item in items})


_WATCHES: Final[dict[str, type[_ListWatch]]] = {PROGRESS: _ProgressWatch, DEVICES: _RegisterWatch}


def _asked(target: str) -> Iterator[tuple[str, int, str | None]]:
    """Yield each collection that ``target`` asks for, with the revision from which on, and the epoch of that."""
    asked = parse_qs(urlsplit(target).query)
    for since in asked["since"]:
        if since.isdecimal():
            yield WATCHLIST, int(since), asked.get("epoch", [None])[0]
        else:
            name, revision, epoch = _SINCE.fullmatch(since).groups()  # type: ignore[union-attr]  # our own client's
            yield name, int(revision), epoch


def _collection_of(kind: str, told: dict[str, Any]) -> str:
    """Return which collection the service tells of."""
    if "list" in told:
        return f"list:{told['list']}"
    if kind == "resumed":
        collection: str = told.get("collection", WATCHLIST)
        return collection
    return PROGRESS if kind.startswith("progress_") else DEVICES if kind.startswith("device") else WATCHLIST


def _line_of(user_id: str, name: str) -> str:
    return line_of_registers(user_id, name) if name in _WATCHES else line_of(user_id, _list_in(name))


def _list_in(name: str) -> str | None:
    return name.removeprefix("list:") if name.startswith("list:") else None
