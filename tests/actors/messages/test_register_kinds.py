"""Which lines are registers."""

from actors.messages.collections import PROGRESS, WATCHLIST, collection_of_list, line_of
from actors.messages.register_kinds import KINDS, is_registers, kind_of


def test_a_line_is_registers_by_its_collection_whatever_its_user_is_called() -> None:
    for user in ("ann", PROGRESS):
        assert kind_of(line_of(user, PROGRESS)) is KINDS[PROGRESS]
        assert is_registers(line_of(user, PROGRESS))
        for collection in (WATCHLIST, collection_of_list(PROGRESS)):
            assert not is_registers(line_of(user, collection))
