"""Which lines are registers."""

from actors.messages.collections import PROGRESS, WATCHLIST, collection_of_list, line_of
from actors.messages.register_kinds import REGISTER_KINDS, register_kind_of


def test_a_line_is_registers_by_its_collection_whatever_its_user_is_called() -> None:
    for user in ("ann", PROGRESS):
        assert register_kind_of(line_of(user, PROGRESS)) is REGISTER_KINDS[PROGRESS]
        for collection in (WATCHLIST, collection_of_list(PROGRESS)):
            assert register_kind_of(line_of(user, collection)) is None
