"""What the users' apps see: judged as it comes, by what the protocol promises and nothing else."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct
from msgspec.structs import replace
from syncd_client import events
from syncd_client.user_state import PendingWrite

TRY_AGAIN: Final = frozenset({"try_again_later", "malformed", "unauthorized"})
"""Errors that decide nothing about a write."""

OF_A_BAD_LINK: Final = frozenset({4001, 4002})
"""Close codes: no sign of life; reads too slowly."""
NOBODYS_FAULT: Final = frozenset({1001, 1006, 1013, 4004, 4500, 4501})
"""Close codes: a restart; a broken link; no answer now; an operator; a token that has ended, or was revoked."""


class Wanted(Struct, frozen=True):
    """A write that somebody has made."""

    author: str
    action: str
    content_id: str
    observed: int | None
    """The last revision that the author had seen; ``None``: it takes the list as it is."""


class Answer(Struct, frozen=True):
    """What became of a write."""

    status: str
    revision: int | None


class Witness:
    """Knows what was wanted, answered and shown, and keeps what contradicts the promise.

    A user's contents begin with a mark of the user, so that nobody else's can be taken for them.

    Args:
        note: is told each contradiction when it is seen.
    """

    def __init__(self, note: Callable[[str], None] = lambda _: None) -> None:
        self._note = note
        self.wanted: dict[tuple[str, str], Wanted] = {}
        """By user and operation id."""
        self.answers: dict[tuple[str, str], Answer] = {}
        """The first one, by user and operation id."""
        self.lost: set[tuple[str, str]] = set()
        """Writes that were answered, and are not in the backup that the database was restored from."""
        self.revoked: frozenset[str] = frozenset()
        """Ids of tokens that are not to be accepted any more."""
        self._backed_up: tuple[frozenset[tuple[str, str]], frozenset[str]] = frozenset(), frozenset()
        """Writes that were answered when the backup was made, and tokens that were revoked."""
        self.shown: dict[tuple[str, int], tuple[str, str]] = {}
        """Action and content, by user and revision."""
        self.snapshots: dict[tuple[str, int], frozenset[str]] = {}
        """Contents, by user and revision."""
        self.foreign: dict[tuple[str, str], str] = {}
        """Contents that foreign publishers have added, by user and tag."""
        self.foreign_removes: dict[tuple[str, str], list[frozenset[str]]] = {}
        """The tags that foreign publishers have removed, each time, by user and content."""
        self.violations: list[str] = []
        self.marks: dict[str, str] = {}
        """What a user's contents begin with."""

    def violate(self, text: str) -> None:
        """Keep what must not happen."""
        self._note(text)
        self.violations.append(text)

    def wants(self, user_id: str, write: PendingWrite) -> None:
        """Know a device's write."""
        author = write.operation_id.partition(".")[0]
        wanted = Wanted(author, write.operation, write.content_id, write.observed)
        self.wanted[user_id, write.operation_id] = wanted

    def answered(self, user_id: str, operation_id: str, answer: Answer) -> None:
        """Know an answer: a repetition must get the first one."""
        if (user_id, operation_id) not in self.wanted:
            self.violate(f"{user_id} was answered to {operation_id}, which nobody of that user wrote")
        first = self.answers.setdefault((user_id, operation_id), answer)
        if first != answer:
            self.violate(f"{user_id} {operation_id} was answered {first}, then {answer}")

    def back_up(self) -> None:
        """Know that a backup is made: what was answered is in it."""
        self._backed_up = frozenset(self.answers), self.revoked

    def go_back(self, heads: Mapping[str, int]) -> None:
        """Know that the database was restored from the backup, in which users stand at ``heads``.

        What was acknowledged later is lost, and its revisions may be given again, to who is told of another epoch.
        """
        backed_up, self.revoked = self._backed_up
        kept = {
            key: answer
            for key, answer in self.answers.items()
            if key in backed_up or (answer.revision is not None and answer.revision <= heads.get(key[0], 0))
        }
        self.lost |= self.answers.keys() - kept.keys()
        self.answers = kept
        self.shown = {key: shown for key, shown in self.shown.items() if key[1] <= heads.get(key[0], 0)}
        self.snapshots = {key: listed for key, listed in self.snapshots.items() if key[1] <= heads.get(key[0], 0)}

    def start_again(self, user_id: str) -> None:
        """Know that a device is told of another epoch: its writes are now of the list that it starts from again.

        Whose they are of the user's, is not known here: of all that are not decided no more is asked than of these.
        """
        for key, wanted in self.wanted.items():
            if key[0] == user_id and key not in self.answers:
                self.wanted[key] = replace(wanted, observed=None)

    def confirmed(self, user_id: str, event: events.Confirmed) -> None:
        """Know what the client tells its app."""
        key = user_id, event.operation_id
        if key not in self.answers and key not in self.lost:
            self.violate(f"{user_id} {event.operation_id} was confirmed and never answered")

    def refused(self, user_id: str, event: events.Refused) -> None:
        """Know what the client tells its app: nothing in these worlds is to be refused."""
        self.violate(f"{user_id} {event.operation_id} was refused: {event.code} {event.message}")

    def show(self, user_id: str, revision: int, action: str, content_id: str) -> None:
        """Know what a device was shown: every device must be shown the same."""
        self.own(user_id, content_id)
        first = self.shown.setdefault((user_id, revision), (action, content_id))
        if first != (action, content_id):
            self.violate(f"{user_id} revision {revision} was shown as {first}, then as {(action, content_id)}")

    def show_list(self, user_id: str, revision: int, contents: frozenset[str]) -> None:
        """Know a list that a device was shown."""
        for content_id in contents:
            self.own(user_id, content_id)
        first = self.snapshots.setdefault((user_id, revision), contents)
        if first != contents:
            self.violate(f"{user_id} list at {revision} was shown in two ways")

    def own(self, user_id: str, content_id: str) -> None:
        """Check that a content is the user's."""
        if not content_id.startswith(self.marks[user_id]):
            self.violate(f"{user_id} was shown {content_id}, which is somebody else's")


class ConnectionWatch:
    """Judges what one connection is told: each revision once and in order, or an honest snapshot.

    Args:
        target: what the device asked for, with ``since``.
    """

    def __init__(self, witness: Witness, user_id: str, device: str, target: str) -> None:
        self._witness = witness
        self._user_id = user_id
        self._device = device
        asked = parse_qs(urlsplit(target).query)
        self._since = int(asked["since"][0])
        self._asked_epoch = asked["epoch"][0] if "epoch" in asked else None
        self._epoch: str | None = None
        """Of what it is told."""
        self._next: int | None = None
        """The revision that must come next; ``None``: it has not been said where it begins."""
        self._awaits_list = False
        self._pieces: set[str] = set()
        self._has_ended = False

    def end(self) -> None:
        """Judge nothing more."""
        self._has_ended = True

    def see(self, told: dict[str, Any]) -> None:
        """Judge one message."""
        if self._has_ended:
            return
        match told["type"]:
            case "resumed":
                self._resume(told)
            case "watchlist_update":
                self._update(told)
            case "watchlist_snapshot":
                self._list(told, frozenset(item["content_id"] for item in told["items"]))
            case "watchlist_snapshot_piece":
                self._piece(told)
            case "ack":
                self._witness.answered(self._user_id, told["id"], Answer(told["status"], told.get("revision")))
            case "error" if told["code"] == "not_found":
                self._witness.answered(self._user_id, told["id"], Answer("not_found", None))
            case "error" if told["code"] not in TRY_AGAIN and told.get("field") != "timestamp":
                self._violate(f"got the error {told}")
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

    def _resume(self, told: dict[str, Any]) -> None:
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
            self._witness.start_again(self._user_id)

    def _update(self, told: dict[str, Any]) -> None:
        revision = told["revision"]
        if self._next is None or self._awaits_list:
            self._violate(f"was shown revision {revision} before it was said where it begins")
        elif revision != self._next:
            self._violate(f"was shown revision {revision} where {self._next} comes next")
        self._next = revision + 1
        self._witness.show(self._user_id, revision, told["action"], told["content_id"])

    def _list(self, told: dict[str, Any], contents: frozenset[str]) -> None:
        revision: int = told["revision"]
        if not self._awaits_list:
            self._violate("was shown a list unasked")
        elif told["epoch"] != self._epoch:
            self._violate(f"was told of epoch {self._epoch} and shown a list of {told['epoch']}")
        self._awaits_list = False
        self._next = revision + 1
        self._witness.show_list(self._user_id, revision, contents)

    def _piece(self, told: dict[str, Any]) -> None:
        if told.get("start"):
            self._pieces = set()
        self._pieces.update(item["content_id"] for item in told["items"])
        if told.get("next") is None:
            self._list(told, frozenset(self._pieces))

    def _violate(self, text: str) -> None:
        self._witness.violate(f"{self._device} of {self._user_id} {text}")
