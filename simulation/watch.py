"""What one connection is told: judged as it comes, by what the protocol promises and nothing else."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from simulation.witness import Answer, Item, Witness, carried, line_of, named

TRY_AGAIN: Final = frozenset({"try_again_later", "malformed", "unauthorized"})
"""Errors that decide nothing about a write."""

OF_A_BAD_LINK: Final = frozenset({4001, 4002})
"""Close codes: no sign of life; reads too slowly."""
NOBODYS_FAULT: Final = frozenset({1001, 1006, 1013, 4004, 4500, 4501})
"""Close codes: a restart; a broken link; no answer now; an operator; a token that has ended, or was revoked."""


class ConnectionWatch:
    """Judges what one connection is told: of each list each revision once and in order, or an honest snapshot.

    Args:
        target: what the device asked for, with ``since``.
    """

    def __init__(self, witness: Witness, user_id: str, device: str, target: str) -> None:
        self._witness = witness
        self._user_id = user_id
        self._device = device
        self._lists = {
            list_id: _ListWatch(witness, line_of(user_id, list_id), device, since, epoch)
            for list_id, since, epoch in _asked(target)
        }
        """Those that it follows; ``None``: the watchlist."""
        self._has_ended = False

    def end(self) -> None:
        """Judge nothing more."""
        self._has_ended = True

    def see(self, told: dict[str, Any]) -> None:
        """Judge one message."""
        if self._has_ended:
            return
        match told["type"]:
            case "ack":
                self._witness.answered(self._user_id, told["id"], Answer(told["status"], told.get("revision")))
            case "error" if told["code"] == "not_found":
                self._witness.answered(self._user_id, told["id"], Answer("not_found", None))
            case "error" if told["code"] not in TRY_AGAIN and told.get("field") != "timestamp":
                self._violate(f"got the error {told}")
            case kind if "revision" in told:
                self._see_list(kind, told)
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

    def _see_list(self, kind: str, told: dict[str, Any]) -> None:
        if (watch := self._lists.get(told.get("list"))) is None:
            self._violate(f"was told of list {told.get('list')}, which it does not follow")
        elif kind == "resumed":
            watch.resume(told)
        elif kind.endswith("_update"):
            watch.update(told)
        elif kind.endswith("_snapshot"):
            watch.show_list(told, _items(told))
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
        self._pieces: set[Item] = set()

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
        self._awaits_list, self._pieces = True, set()
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

    def show_list(self, told: dict[str, Any], items: frozenset[Item]) -> None:
        """Judge a whole list."""
        revision: int = told["revision"]
        if not self._awaits_list:
            self._violate("was shown a list unasked")
        elif told["epoch"] != self._epoch:
            self._violate(f"was told of epoch {self._epoch} and shown a list of {told['epoch']}")
        self._awaits_list = False
        self._next = revision + 1
        self._witness.show_list(self._line, revision, items)

    def piece(self, told: dict[str, Any]) -> None:
        """Judge a part of a list, with the last one the whole."""
        if told.get("start"):
            self._pieces = set()
        self._pieces |= _items(told)
        if told.get("next") is None:
            self.show_list(told, frozenset(self._pieces))

    def _violate(self, text: str) -> None:
        self._witness.violate(f"{self._device} of {named(self._line)} {text}")


def _asked(target: str) -> Iterator[tuple[str | None, int, str | None]]:
    """Yield each list that ``target`` asks for, with the revision from which on, and the epoch of that."""
    asked = parse_qs(urlsplit(target).query)
    for since in asked["since"]:
        if since.isdecimal():
            yield None, int(since), asked.get("epoch", [None])[0]
        else:
            collection, revision, *epoch = since.removeprefix("list:").split(":")
            yield None if collection == "watchlist" else collection, int(revision), epoch[0] if epoch else None


def _items(told: dict[str, Any]) -> frozenset[Item]:
    return frozenset((item["content_id"], carried(item)) for item in told["items"])
