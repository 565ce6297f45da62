"""Collections and their lines: two that differ have different lines, and a watchlist's is its user."""

from hypothesis import given
from hypothesis import strategies as st

from actors.messages.collections import WATCHLIST, collection_of_list, kind_of, line_of, list_in, list_of, parts_of

names = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1)
collections = st.just(WATCHLIST) | st.builds(
    collection_of_list, st.from_regex("[A-Za-z0-9][A-Za-z0-9._~-]*", fullmatch=True)
)


def test_the_line_of_a_watchlist_is_its_user() -> None:
    assert line_of("ann", WATCHLIST) == "ann"
    assert (list_of(WATCHLIST), list_in("ann"), list_in("list:kids")) == (None, None, None)


def test_in_figures_and_logs_all_lists_are_one() -> None:
    assert (kind_of(WATCHLIST), kind_of("list:kids"), kind_of("list:watchlist")) == ("watchlist", "list", "list")


@given(names, collections)
def test_a_line_says_whose_it_is_and_what(user_id: str, collection: str) -> None:
    line = line_of(user_id, collection)
    assert parts_of(line) == (user_id, collection)
    assert list_in(line) == list_of(collection)
