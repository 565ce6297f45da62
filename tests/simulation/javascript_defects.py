"""Deliberate defects of the JavaScript client, written in it: they stand at the end of its module."""

from typing import Final

import pytest

from simulation.devices import javascript_core
from tests.simulation.collection_defects import Patch


def _break_javascript(patch: pytest.MonkeyPatch, javascript: str) -> None:
    patch.setattr(javascript_core, "added_javascript", javascript)


def keep_in_flight_what_no_connection_carries(patch: pytest.MonkeyPatch) -> None:
    _break_javascript(patch, "WriteQueue.prototype.releaseAll = () => {};")


def pause_for_ever(patch: pytest.MonkeyPatch) -> None:
    _break_javascript(patch, "Exchange.prototype.endPause = () => {};")


def notice_no_silence(patch: pytest.MonkeyPatch) -> None:
    _break_javascript(patch, "Silence.prototype.check = () => false;")


def save_no_writes(patch: pytest.MonkeyPatch) -> None:
    javascript = """
        const { takeChanges } = UserCollections.prototype;
        UserCollections.prototype.takeChanges = function () {
            const { changes, hasUpdated } = takeChanges.call(this);
            return { changes: changes.filter((change) => !("queue" in change)), hasUpdated };
        };
    """
    _break_javascript(patch, javascript)


def add_a_list_to_the_one_before(patch: pytest.MonkeyPatch) -> None:
    javascript = """
        const { apply } = UserState.prototype;
        UserState.prototype.apply = function (change) {
            if (!("clear" in change)) apply.call(this, change);
        };
    """
    _break_javascript(patch, javascript)


def ask_for_lists_from_where_the_watchlist_is(patch: pytest.MonkeyPatch) -> None:
    javascript = """
        const { head } = UserCollections.prototype;
        UserCollections.prototype.head = function (prefix) {
            return { ...head.call(this, prefix), revision: head.call(this, WATCHLIST).revision };
        };
    """
    _break_javascript(patch, javascript)


FOUND_AT: Final[dict[Patch, int]] = {
    keep_in_flight_what_no_connection_carries: 8,  # 0.11 s: after 180 s of calm device 0.0 is live with 2 writes
    pause_for_ever: 158,  # 0.19 s: after 180 s of calm device 0.0 is live with 5 writes
    notice_no_silence: 175,  # 0.17 s: after 400 s of calm device 1.1 is live with 2 writes
    save_no_writes: 96,
    add_a_list_to_the_one_before: 158,  # 0.17 s: after 180 s of calm device 3.0 shows 5 contents, and the journal …
    ask_for_lists_from_where_the_watchlist_is: 183,
}
"""Each defect, and a seed that finds it: of the first 500, one whose world is a small one, and fails soon."""
