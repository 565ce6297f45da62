"""Deliberate defects of what is followed beside the watchlist (lists, progress, devices), of presence and commands."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from sqlalchemy import text
from syncd_client.core.connector import Connector
from syncd_client.data.collection import Collection
from syncd_client.data.device_registers import DeviceRegisters
from syncd_client.data.messages import WatchlistSnapshot
from syncd_client.data.registers import Registers

from actors.connection.followed import Followed
from actors.fanout.connection_registry import ConnectionRegistry
from actors.messages.connection import Replayed
from actors.presence.presence import Presence
from actors.watchlist.presence_hints import PresenceHints
from crdt.lww import LWWRegister
from storage.databases.statements import Statement
from storage.journal import lists
from storage.presence import SqlPresenceStore
from storage.rules import list_journal
from storage.rules.register_journal import RegisterJournal

Patch = Callable[[pytest.MonkeyPatch], None]


def nothing(*_: Any) -> None:
    """Do nothing, in the place of what should be done."""


def begin_every_list_at_revision_1(patch: pytest.MonkeyPatch) -> None:
    at_1 = Statement(
        text(
            "INSERT INTO heads (user_id, revision, first_revision, minted, clock, clock_node)"
            " SELECT :line, 0, 1, 0, 0, '' FROM heads WHERE user_id = :user_id"
        )
    )
    patch.setattr(lists, "_CREATE_HEAD_OF_LIST", at_1)


def let_the_last_to_arrive_say_what_items_carry(patch: pytest.MonkeyPatch) -> None:
    merge = LWWRegister.merge

    def latest(self: LWWRegister[Any], other: LWWRegister[Any]) -> LWWRegister[Any]:
        merge(self, other)
        return other

    patch.setattr(LWWRegister, "merge", latest)


def keep_what_is_in_a_deleted_list(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lists, "_EMPTY", lists._EMPTY[1:])


def follow_no_list_that_is_opened_later(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Connector, "follow", nothing)


def leave_a_deleted_list_on_devices(patch: pytest.MonkeyPatch) -> None:
    apply = Collection.apply_snapshot

    def keeping(self: Collection, snapshot: WatchlistSnapshot) -> bool:
        return apply(self, snapshot) if snapshot.items else False

    patch.setattr(Collection, "apply_snapshot", keeping)


def let_each_tag_carry_its_own_word(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(list_journal, "carrying", lambda _, live: live)


def tell_nobody_that_what_was_missed_has_holes(patch: pytest.MonkeyPatch) -> None:
    replay = Followed.replay

    def once(self: Followed, replayed: Replayed) -> Any:
        was_joined = self.is_joined
        resumed = replay(self, replayed)
        return None if was_joined else resumed

    patch.setattr(Followed, "replay", once)


def forget_what_was_removed_of_progress(patch: pytest.MonkeyPatch) -> None:
    learn = RegisterJournal.learn

    def what_is_there(self: RegisterJournal, register: Any) -> None:
        if register.values:
            learn(self, register)

    patch.setattr(RegisterJournal, "learn", what_is_there)


def show_what_others_have_removed_of_progress(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Registers, "_remove", nothing)


def write_nobody_again_whose_lease_had_ended(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Presence, "_had_lease", property(lambda self: False, nothing), raising=False)


def take_who_has_left_for_online(patch: pytest.MonkeyPatch) -> None:
    note = SqlPresenceStore.note
    patch.setattr(SqlPresenceStore, "note", lambda self, asked: note(self, msgspec.structs.replace(asked, left=())))


def command_every_device_of_the_user(patch: pytest.MonkeyPatch) -> None:
    to_device = ConnectionRegistry._send_to_device

    def to_all(self: ConnectionRegistry, send: Any) -> None:
        connections = self._user_connections.get(send.user_id, {})
        kept = dict(connections)
        for key, one in kept.items():
            connections[key] = msgspec.structs.replace(one, device_id=send.command.target_device)
        to_device(self, send)
        connections.update(kept)

    patch.setattr(ConnectionRegistry, "_send_to_device", to_all)


def take_all_for_offline_whenever_devices_are_resumed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DeviceRegisters, "begin_hints", lambda self: self._set_hints({}))


def tell_nobody_who_comes_and_goes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PresenceHints, "relay", nothing)
    patch.setattr(PresenceHints, "refresh", nothing)


FOUND_AT: Final[dict[Patch, int]] = {
    begin_every_list_at_revision_1: 369,  # 0.08 s: user-1: lists.1 to later got Response(status=200, …
    let_the_last_to_arrive_say_what_items_carry: 104,  # 0.07 s: user-0 progress: position of …
    keep_what_is_in_a_deleted_list: 399,  # 0.05 s: user-0: node 0 tells another list kids than was written
    follow_no_list_that_is_opened_later: 393,
    leave_a_deleted_list_on_devices: 381,  # 0.19 s: after 180 s of calm device 1.0 shows 5 contents, and the journal …
    let_each_tag_carry_its_own_word: 393,
    tell_nobody_that_what_was_missed_has_holes: 167,
    forget_what_was_removed_of_progress: 138,  # 0.07 s: user-2 progress: duration of …
    show_what_others_have_removed_of_progress: 138,  # 0.10 s: after 180 s of calm device 1.0 shows another progress …
    write_nobody_again_whose_lease_had_ended: 329,  # 0.07 s: after 15 s device 3.0 of user-3 is said to be offline, …
    take_who_has_left_for_online: 71,
    take_all_for_offline_whenever_devices_are_resumed: 4,  # 0.19 s: after 180 s of calm device 0.0 shows other …
    tell_nobody_who_comes_and_goes: 218,  # 0.11 s: after 180 s of calm device 0.0 shows other devices than the …
    command_every_device_of_the_user: 212,  # 0.03 s: device 0.0 of user-0 was told of command.1, which was for …
}
"""Each defect, and a seed that finds it: of the first 500, one whose world is a small one, and fails soon."""
