from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.connection import Following
from actors.messages.journal_reads import Bookmark
from transport.errors import Problem
from transport.wire.query import (
    MAX_LIMIT,
    ListQuery,
    ResumeQuery,
    cursor_of,
    list_query,
    refuse_tokens,
    resume_query,
    stream_query,
)

numbers = st.integers(0, 10**18 - 1)


@pytest.mark.parametrize("query", [b"", b"flavour=any"])
def test_without_parameters_the_list_is_asked_for_from_its_beginning(query: bytes) -> None:
    assert list_query(query) == ListQuery(limit=MAX_LIMIT)


def test_a_part_of_the_list_or_of_the_changes_is_asked_for_by_name() -> None:
    assert list_query(b"limit=7") == ListQuery(limit=7)
    assert list_query(b"since=0041&epoch=a%20b&limit=1000") == ListQuery(since=41, epoch="a b")


def test_a_state_is_asked_for_where_there_are_states_and_unknown_elsewhere() -> None:
    assert list_query(b"state=in_progress", has_states=True) == ListQuery(state="in_progress")
    with pytest.raises(Problem, match="state: must be 'in_progress'"):
        list_query(b"state=seen", has_states=True)
    assert list_query(b"state=seen") == ListQuery()


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
    cursor = f"cursor={cursor_of(bookmark)}".encode()
    assert list_query(cursor) == ListQuery(after=bookmark)
    assert list_query(b"since=7&" + cursor) == ListQuery(after=bookmark)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (b"limit=0", "limit: "),
        (b"limit=1001", "limit: "),
        (b"since=\xd9\xa3", "since: "),
        (b"since=1&since=1", "since: "),
        (b"epoch=", "epoch: "),
        (b"cursor=e.1.1", "cursor: "),
        (b"cursor=e.1.1.1&since=x", "since: "),
        (b"a=&" * 129, "The query "),
    ],
)
def test_what_is_not_as_documented_is_400_and_named(query: bytes, named: str) -> None:
    with pytest.raises(Problem) as refused:
        list_query(query)
    assert refused.value.status == 400
    assert refused.value.detail.startswith(named)


def test_a_device_says_what_it_has_and_how_it_wants_the_list() -> None:
    assert resume_query(b"") == ResumeQuery()
    assert resume_query(b"since=9&epoch=e&snapshot=pieces") == ResumeQuery(
        follows=(Following(since=9, epoch="e"),), takes_pieces=True
    )
    assert resume_query(b"since=9&snapshot=pieces&snapshot_cursor=e.9.8.7") == ResumeQuery(
        follows=(Following(since=9, after=Bookmark(epoch="e", revision=9, timestamp=8, added_revision=7)),),
        takes_pieces=True,
    )


def test_a_device_names_the_collections_that_it_follows() -> None:
    query = b"since=watchlist:7:e&since=list:kids:0&since=list:a.b~c:12"
    assert resume_query(query).follows == (
        Following(since=7, epoch="e"), Following("list:kids", 0), Following("list:a.b~c", 12),
    )  # fmt: skip
    assert resume_query(b"since=7&since=list:kids:0&epoch=e").follows == (
        Following(since=7, epoch="e"), Following("list:kids", 0, "e"),
    )  # fmt: skip
    assert resume_query(b"since=list:kids:3").follows == (Following("list:kids", 3),)
    assert resume_query(b"since=devices:0&since=progress:2").follows == (
        Following("devices", 0),
        Following("progress", 2),
    )
    assert resume_query(b"since=lists:0").follows == (Following("lists", 0),)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (b"since=list:kids:0&since=list:kids:1", "since: list:kids must be given once"),
        (b"since=watchlist:1&since=1", "since: watchlist must be given once"),
        (b"since=list:kids:0&since=list:no%20space:1", "since: must be a revision, or a collection and a revision"),
        (b"since=rooms:1", "since: must be a revision, or a collection and a revision"),
        (b"since=list:kids", "since: must be a revision, or a collection and a revision"),
        (b"since=progress", "since: must be a revision, or a collection and a revision"),
        (b"since=lists", "since: must be a revision, or a collection and a revision"),
        (b"since=progress&since=devices", "since: must be a revision, or a collection and a revision"),
        (b"since=list:kids:0:", "since: must be a revision, or a collection and a revision"),
        (b"since=x", "since: must be a revision: a whole number"),
        (b"since=1&since=2", "since: must be given once"),
        (b"since=list:kids:", "since: must be a revision, or a collection and a revision"),
    ],
)
def test_what_names_no_collection_and_revision_is_refused(query: bytes, said: str) -> None:
    with pytest.raises(Problem) as refused:
        resume_query(query)
    assert refused.value.detail.startswith(said)


@pytest.mark.parametrize("cursor", [b"", b"e.9.8", b"e.9.8.-7", b"e.9.8." + b"7" * 19, b"%00", b"\xff"])
def test_a_list_whose_cursor_cannot_be_read_begins_again(cursor: bytes) -> None:
    assert resume_query(b"since=9&snapshot=pieces&snapshot_cursor=" + cursor).follows[0].after is None


@pytest.mark.parametrize("query", [b"", b"snapshot=pieces", b"since=9", b"since=list:kids:9"])
def test_a_cursor_is_ignored_where_no_list_in_pieces_can_go_on(query: bytes) -> None:
    assert resume_query(query + b"&snapshot_cursor=e.9.8.7") == resume_query(query)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        (b"since=x", "since: "),
        (b"snapshot=whole", "snapshot: "),
        (b"snapshot=", "snapshot: "),
        (b"snapshot=pieces&snapshot=pieces", "snapshot: "),
        (b"since=9&snapshot=pieces&snapshot_cursor=a&snapshot_cursor=a", "snapshot_cursor: "),
    ],
)
def test_a_device_that_does_not_ask_as_documented_is_told_which_parameter(query: bytes, named: str) -> None:
    with pytest.raises(Problem) as refused:
        resume_query(query)
    assert refused.value.status == 400
    assert refused.value.detail.startswith(named)


@pytest.mark.parametrize("name", [b"token", b"Access_Token", b"JWT", b"auth%5Ftoken"])
def test_a_token_in_the_url_is_refused_and_not_repeated(name: bytes) -> None:
    with pytest.raises(Problem) as refused:
        refuse_tokens(b"since=1&" + name + b"=secret")
    assert refused.value.status == 400
    assert "secret" not in refused.value.detail


def test_parameters_of_other_names_are_not_taken_for_tokens() -> None:
    refuse_tokens(b"since=1&tokens=2&cursor=e.1.1.1")


def test_a_stream_asks_as_a_websocket_does_and_a_poll_says_for_how_long() -> None:
    resume = ResumeQuery(follows=(Following(since=9, epoch="e"),), takes_pieces=True)
    assert stream_query(b"since=9&epoch=e&snapshot=pieces") == (resume, None)
    for seconds in (0, 25, 55):
        assert stream_query(b"since=9&epoch=e&snapshot=pieces&poll=%d" % seconds) == (resume, seconds)


@pytest.mark.parametrize("query", [b"since=1&poll=56", b"since=1&poll=", b"since=1&poll=1.5", b"poll=1", b"since=x"])
def test_a_poll_that_cannot_be_is_refused(query: bytes) -> None:
    with pytest.raises(Problem, match=r"^(poll|since): ") as refused:
        stream_query(query)
    assert refused.value.status == 400


@pytest.mark.parametrize("read_query", [resume_query, stream_query])
def test_no_device_asks_with_a_token_in_its_query(read_query: Callable[[bytes], object]) -> None:
    with pytest.raises(Problem, match="ends up in logs"):
        read_query(b"since=1&Token=secret")


def test_a_device_may_name_each_of_its_lists() -> None:
    query = "&".join(f"since=list:list-{number}:0" for number in range(100))
    assert len(resume_query(f"{query}&since=watchlist:0&snapshot=pieces".encode()).follows) == 101
