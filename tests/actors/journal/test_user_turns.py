"""One message of each user at a time, users in turn."""

from msgspec import Struct

from actors.journal.user_turns import MAX_WAITING_OF_USER, UserTurns


class Asked(Struct, frozen=True):
    user_id: str
    number: int = 0


def turns_of(*messages: Asked) -> UserTurns[Asked]:
    turns: UserTurns[Asked] = UserTurns()
    assert all(turns.add(message) for message in messages)
    return turns


def began(turns: UserTurns[Asked]) -> list[Asked]:
    """Begin one after another, each when the one before has ended."""
    messages = []
    while turns:
        messages.append(turns.begin())
        turns.end(messages[-1])
    return messages


def test_users_have_a_turn_each_and_their_messages_keep_their_order() -> None:
    turns = turns_of(*(Asked("ann", number) for number in range(3)), Asked("bob"), Asked("cid"))
    assert began(turns) == [Asked("ann"), Asked("bob"), Asked("cid"), Asked("ann", 1), Asked("ann", 2)]


def test_who_asks_again_when_all_is_done_has_a_turn_again() -> None:
    turns = turns_of(Asked("ann"))
    for number in range(1, 3):
        assert len(began(turns)) == 1
        assert turns.add(Asked("ann", number))
        assert turns


def test_while_a_users_message_is_under_way_the_users_others_wait() -> None:
    turns = turns_of(Asked("ann"), Asked("ann", 1))
    first = turns.begin()
    assert not turns
    turns.end(first)
    assert began(turns) == [Asked("ann", 1)]


def test_what_is_put_back_goes_on_before_its_users_others_and_behind_other_users() -> None:
    turns = turns_of(Asked("ann"), Asked("ann", 1), Asked("bob"))
    first = turns.begin()
    turns.put_back(first)
    turns.end(first)
    assert began(turns) == [Asked("bob"), first, Asked("ann", 1)]


def test_only_so_many_of_a_user_wait() -> None:
    turns = turns_of(*(Asked("ann", number) for number in range(MAX_WAITING_OF_USER)))
    assert not turns.add(Asked("ann"))
    assert turns.add(Asked("bob"))
    first = turns.begin()
    assert turns.add(Asked("ann"))
    turns.end(first)


def test_what_is_cleared_is_told_and_what_is_under_way_ends_as_ever() -> None:
    turns = turns_of(Asked("ann"), Asked("ann", 1), Asked("bob"))
    first = turns.begin()
    assert turns.clear() == [Asked("ann", 1), Asked("bob")]
    assert not turns
    assert turns.add(Asked("ann", 2))
    turns.end(first)
    assert began(turns) == [Asked("ann", 2)]
    assert turns.add(Asked("bob", 1))
    assert began(turns) == [Asked("bob", 1)]
