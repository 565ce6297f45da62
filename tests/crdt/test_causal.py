from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt.causal import CausalContext, Tag
from tests.crdt.strategies import contexts, replicas, tag_sets, tags


def seen(*texts: str) -> CausalContext:
    return CausalContext().with_tags(*map(Tag.parse, texts))


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("tv:1", Tag("tv", 1)),
        ("tv:2:17", Tag("tv:2", 17)),
        ("::1", Tag(":", 1)),
        (":1", Tag("", 1)),
        ("line\nbreak:3", Tag("line\nbreak", 3)),
        ("tv:999999999999999999", Tag("tv", 10**18 - 1)),
        ("movie-123", Tag("movie-123", 0)),
        ("tv", Tag("tv", 0)),
        ("tv:", Tag("tv:", 0)),
        ("tv:0", Tag("tv:0", 0)),
        ("tv:01", Tag("tv:01", 0)),
        ("tv:-1", Tag("tv:-1", 0)),
        ("tv:1 ", Tag("tv:1 ", 0)),
        ("tv:1\n", Tag("tv:1\n", 0)),
        ("tv:\u0661", Tag("tv:\u0661", 0)),
        ("tv:1000000000000000000", Tag("tv:1000000000000000000", 0)),
    ],
)
def test_a_tag_is_read_from_its_text_and_written_back(text: str, tag: Tag) -> None:
    assert Tag.parse(text) == tag
    assert str(tag) == text


def test_a_tag_is_never_empty() -> None:
    with pytest.raises(ValueError, match="empty"):
        Tag.parse("")


@given(st.text(min_size=1) | st.builds("{}:{}".format, st.text(), st.text("0123456789")))
def test_any_text_survives_as_a_tag(text: str) -> None:
    assert str(Tag.parse(text)) == text


@given(st.text(), st.integers(1, 10**18 - 1))
def test_any_minted_tag_survives_as_text(replica: str, counter: int) -> None:
    assert Tag.parse(str(Tag(replica, counter))) == Tag(replica, counter)


def test_an_opaque_tag_is_not_the_first_of_its_namesake() -> None:
    assert Tag.parse("tv:1") not in seen("tv")
    assert Tag.parse("tv") not in seen("tv:1")
    assert seen("tv").next_tag("tv") == Tag("tv", 1)


def test_a_gap_waits_in_the_cloud_until_it_fills() -> None:
    context = seen("tv:1", "tv:3", "tv:4")
    assert context.to_wire() == {"vector": {"tv": 1}, "cloud": ["tv:3", "tv:4"]}
    assert Tag("tv", 2) not in context
    assert context.with_tags(Tag("tv", 2)).to_wire() == {"vector": {"tv": 4}, "cloud": []}


@pytest.mark.parametrize(
    ("texts", "gaps"),
    [
        ((), 0),
        (("tv:1", "tv:2"), 0),
        (("tv:2",), 1),
        (("tv:2", "tv:3"), 1),
        (("tv:1", "tv:5", "tv:7"), 2),
        (("tv", "tv:1"), 0),
        (("tv", "tv:2"), 1),
        (("tv",), 0),
        (("phone:9",), 0),
    ],
)
def test_a_gap_is_a_run_of_counters_that_were_skipped(texts: tuple[str, ...], gaps: int) -> None:
    assert seen(*texts).gaps("tv") == gaps


def test_what_waits_behind_a_gap_takes_no_more_room_than_the_gap() -> None:
    context = CausalContext().with_tags(*(Tag("tv", counter) for counter in range(2, 10_000)))
    assert context.runs("tv") == (2, 10_000)
    assert context.with_tags(Tag("tv", 1)).runs("tv") == (1, 10_000)


@given(contexts, replicas)
def test_runs_are_the_whole_record_of_a_replica(context: CausalContext, replica: str) -> None:
    runs = context.runs(replica)
    of_the_replica = CausalContext.from_runs(replica, runs)
    assert of_the_replica.runs(replica) == runs
    assert context.merge(of_the_replica) == context
    assert of_the_replica.gaps(replica) == context.gaps(replica)
    assert of_the_replica.next_tag(replica) == context.next_tag(replica)


@pytest.mark.parametrize("runs", [(1,), (2, 1), (1, 1), (1, 3, 3, 4), (-1, 2)])
def test_what_are_no_runs_are_refused(runs: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no runs of counters"):
        CausalContext.from_runs("tv", runs)


def test_gaps_of_one_replica_leave_the_others_alone() -> None:
    context = seen("tv:2", "phone:2", "phone:1")
    assert context.to_wire() == {"vector": {"phone": 2}, "cloud": ["tv:2"]}


def test_a_merge_fills_the_gaps_of_either_side() -> None:
    assert seen("tv:1", "tv:4").merge(seen("tv:1", "tv:2", "tv:3")) == seen("tv:1", "tv:2", "tv:3", "tv:4")
    assert seen("tv:2").merge(seen("tv:1")).to_wire() == {"vector": {"tv": 2}, "cloud": []}


def test_opaque_tags_stay_in_the_cloud() -> None:
    context = seen("movie-123", "tv:1")
    assert context.to_wire() == {"vector": {"tv": 1}, "cloud": ["movie-123"]}
    assert Tag.parse("movie-123") in context


def test_a_context_that_learns_nothing_is_the_same_object() -> None:
    context = seen("tv:1", "tv:3", "movie-123")
    assert context.with_tags() is context
    assert context.with_tags(Tag("tv", 1), Tag("tv", 3), Tag("movie-123", 0)) is context


def test_a_context_is_not_changed_from_outside() -> None:
    context = seen("tv:1")
    context.with_tags(Tag("tv", 2))
    context.merge(seen("phone:1"))
    wire = context.to_wire()
    wire["vector"]["tv"] = 9
    assert context == seen("tv:1")
    from_outside = CausalContext.from_wire(wire)
    wire["vector"]["tv"] = 1
    assert Tag("tv", 9) in from_outside


@given(tag_sets, tags)
def test_a_context_contains_exactly_what_was_seen(tag_set: frozenset[Tag], tag: Tag) -> None:
    assert (tag in CausalContext().with_tags(*tag_set)) == (tag in tag_set)


@given(st.lists(tags), st.randoms())
def test_the_order_of_seeing_does_not_matter(tag_list: list[Tag], random: Any) -> None:
    at_once = CausalContext().with_tags(*tag_list)
    random.shuffle(tag_list)
    one_by_one = CausalContext()
    for tag in tag_list:
        one_by_one = one_by_one.with_tags(tag)
    assert one_by_one == at_once


@given(contexts, replicas)
def test_the_next_tag_was_never_seen_and_leaves_no_gap(context: CausalContext, replica: str) -> None:
    tag = context.next_tag(replica)
    assert tag not in context
    assert set(context.with_tags(tag).to_wire()["cloud"]) <= set(context.to_wire()["cloud"])


@given(tag_sets, tag_sets)
def test_a_merge_has_seen_what_either_saw(left: frozenset[Tag], right: frozenset[Tag]) -> None:
    merged = CausalContext().with_tags(*left).merge(CausalContext().with_tags(*right))
    assert merged == CausalContext().with_tags(*left, *right)


@given(contexts, contexts, contexts)
def test_merging_contexts_commutes_associates_and_repeats(
    one: CausalContext, two: CausalContext, three: CausalContext
) -> None:
    assert one.merge(two) == two.merge(one)
    assert one.merge(two).merge(three) == one.merge(two.merge(three))
    assert one.merge(one) == one
    assert one.merge(two).merge(two) == one.merge(two)


@given(contexts)
def test_a_context_survives_json(context: CausalContext) -> None:
    encoded = msgspec.json.encode(context.to_wire())
    assert CausalContext.from_wire(msgspec.json.decode(encoded)) == context


@given(st.lists(tags), st.randoms())
def test_equal_contexts_have_equal_text(tag_list: list[Tag], random: Any) -> None:
    text = msgspec.json.encode(CausalContext().with_tags(*tag_list).to_wire())
    random.shuffle(tag_list)
    assert msgspec.json.encode(CausalContext().with_tags(*tag_list).to_wire()) == text


def test_a_context_read_back_is_compact_whoever_wrote_it() -> None:
    wire = {"vector": {"tv": 2}, "cloud": ["tv:1", "tv:3", "phone:1"]}
    assert CausalContext.from_wire(wire).to_wire() == {"vector": {"phone": 1, "tv": 3}, "cloud": []}


@pytest.mark.parametrize(
    ("wire", "place"),
    [
        (None, "object"),
        ({"vector": {}}, "cloud"),
        ({"vector": {"tv": 0}, "cloud": []}, r"vector"),
        ({"vector": {"tv": "1"}, "cloud": []}, r"vector"),
        ({"vector": {}, "cloud": [""]}, r"cloud"),
    ],
)
def test_what_is_no_context_is_refused_with_the_place(wire: object, place: str) -> None:
    with pytest.raises(ValueError, match=place):
        CausalContext.from_wire(wire)
