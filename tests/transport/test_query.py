import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.journal import Bookmark
from transport.errors import Problem
from transport.query import MAX_LIMIT, ListQuery, cursor_of, list_query, position, refuse_tokens

numbers = st.integers(0, 10**18 - 1)


@pytest.mark.parametrize("query", [b"", b"flavour=any"])
def test_without_parameters_the_list_is_asked_for_from_its_beginning(query: bytes) -> None:
    assert list_query(query) == ListQuery(limit=MAX_LIMIT)


def test_a_part_of_the_list_or_of_the_changes_is_asked_for_by_name() -> None:
    assert list_query(b"limit=7") == ListQuery(limit=7)
    assert list_query(b"since=0041&epoch=a%20b&limit=1000") == ListQuery(since=41, epoch="a b")


@given(
    bookmark=st.builds(
        Bookmark,
        epoch=st.text("0123456789abcdef", min_size=1, max_size=128),
        revision=numbers,
        timestamp=numbers,
        added_revision=numbers,
    )
)
def test_a_cursor_leads_back_to_where_it_was_made(bookmark: Bookmark) -> None:
    assert list_query(f"cursor={cursor_of(bookmark)}".encode()) == ListQuery(after=bookmark)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (b"limit=0", "limit: "),
        (b"limit=1001", "limit: "),
        (b"since=\xd9\xa3", "since: "),
        (b"since=1&since=1", "since: "),
        (b"epoch=", "epoch: "),
        (b"cursor=e.1.1", "cursor: "),
        (b"cursor=e.1.1.1&since=1", "cursor: "),
        (b"a=&" * 17, "The query "),
    ],
)
def test_what_is_not_as_documented_is_400_and_named(query: bytes, named: str) -> None:
    with pytest.raises(Problem) as refused:
        list_query(query)
    assert refused.value.status == 400
    assert refused.value.detail.startswith(named)


def test_a_devices_position_is_a_revision_and_its_epoch() -> None:
    assert position(b"") == (None, None)
    assert position(b"since=9&epoch=e") == (9, "e")
    with pytest.raises(Problem, match="since: "):
        position(b"since=x")


@pytest.mark.parametrize("name", [b"token", b"Access_Token", b"JWT", b"auth%5Ftoken"])
def test_a_token_in_the_url_is_refused_and_not_repeated(name: bytes) -> None:
    with pytest.raises(Problem) as refused:
        refuse_tokens(b"since=1&" + name + b"=secret")
    assert refused.value.status == 400
    assert "secret" not in refused.value.detail


def test_other_parameters_are_no_tokens() -> None:
    refuse_tokens(b"since=1&tokens=2&cursor=e.1.1.1")
