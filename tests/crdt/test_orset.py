from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crdt.causal import CausalContext, Tag
from crdt.orset import ABSENT, Delta, Entry, ORSet, Stats, add, merge, remove
from tests.crdt.strategies import REPLICAS, elements, tag_sets, tags, worlds

World = tuple[list[ORSet], list[Delta]]
changes = st.tuples(st.just("add"), st.frozensets(tags, min_size=1, max_size=1)) | st.tuples(
    st.just("remove"), tag_sets
)


def replay(history: list[tuple[str, Entry]]) -> tuple[Entry, CausalContext]:
    entry, context = ABSENT, CausalContext()
    for kind, touched in history:
        if kind == "add":
            (tag,) = touched
            entry, context = add(entry, context, tag)
        else:
            entry, context = remove(entry, context, touched)
    return entry, context


@given(st.lists(changes, max_size=8), st.randoms())
def test_adds_and_removes_of_one_element_commute_and_repeat(history: list[tuple[str, Entry]], random: Any) -> None:
    outcome = replay(history)
    again = history + history[: random.randint(0, len(history))]
    random.shuffle(again)
    assert replay(again) == outcome


@given(worlds())
def test_merging_commutes(world: World) -> None:
    (one, two, _), _ = world
    assert one.merge(two) == two.merge(one)


@given(worlds())
def test_merging_associates(world: World) -> None:
    (one, two, three), _ = world
    assert one.merge(two).merge(three) == one.merge(two.merge(three))


@given(worlds())
def test_merging_repeats_without_effect(world: World) -> None:
    (one, two, _), _ = world
    assert one.merge(one) == one
    assert one.merge(two).merge(two) == one.merge(two)


@given(worlds())
def test_merging_with_the_empty_set_changes_nothing(world: World) -> None:
    (one, _, _), _ = world
    assert one.merge(ORSet()) == one
    assert ORSet().merge(one) == one


@given(worlds())
def test_merging_never_shrinks_what_was_seen(world: World) -> None:
    (one, two, _), _ = world
    merged = one.merge(two).context
    assert merged.merge(one.context) == merged
    assert merged.merge(two.context) == merged


@given(worlds(), elements)
def test_a_delta_joins_as_the_whole_state_would(world: World, element: str) -> None:
    (one, two, _), _ = world
    for changed, delta in (one.add(element, REPLICAS[0]), one.remove(element)):
        assert two.merge(one).apply(delta) == two.merge(changed)
        assert one.merge(two).apply(delta) == changed.merge(two)


@given(worlds(), st.randoms())
def test_all_deltas_in_any_order_make_one_state(world: World, random: Any) -> None:
    _, deltas = world
    in_order, shuffled = ORSet(), ORSet()
    for delta in deltas:
        in_order = in_order.apply(delta)
    again = deltas + deltas
    random.shuffle(again)
    for delta in again:
        shuffled = shuffled.apply(delta)
    assert shuffled == in_order


@given(worlds())
def test_every_live_tag_is_in_the_context_and_no_entry_is_empty(world: World) -> None:
    for replica in world[0]:
        assert all(replica.entries.values())
        assert all(tag in replica.context for entry in replica.entries.values() for tag in entry)


def test_the_three_cases_of_a_merge_of_entries() -> None:
    kept, gone, new = Tag("tv", 1), Tag("tv", 2), Tag("tv", 3)
    more = CausalContext().with_tags(kept, gone)
    less = CausalContext().with_tags(kept)
    for left, right in permutations([(frozenset({kept}), more), (frozenset({kept}), less)]):
        assert merge(*left, *right) == {kept}  # both have it
    for left, right in permutations([(frozenset({kept}), more), (frozenset({kept, gone}), more)]):
        assert merge(*left, *right) == {kept}  # one has it, the other saw it go
    for left, right in permutations([(frozenset({kept}), less), (frozenset({new}), less.with_tags(new))]):
        assert merge(*left, *right) == {new}  # one has it, the other never saw it


def test_an_add_supersedes_what_its_author_observed_and_remembers_it() -> None:
    old, unknown, tag = Tag("tv", 1), Tag("phone", 1), Tag("tv", 2)
    context = CausalContext().with_tags(old)
    entry, context = add(frozenset({old}), context, tag, frozenset({old, unknown}))
    assert entry == {tag}
    assert add(entry, context, old) == (entry, context)
    assert add(entry, context, unknown) == (entry, context)


def test_an_element_added_many_times_keeps_one_tag() -> None:
    watchlist = ORSet()
    for _ in range(5):
        watchlist, _ = watchlist.add("alien", "tv")
    assert watchlist.stats() == Stats(elements=1, tags=1, replicas=1, cloud=0)
    assert watchlist.entries == {"alien": {Tag("tv", 5)}}


def test_removing_what_is_absent_changes_nothing() -> None:
    watchlist, _ = ORSet().add("alien", "tv")
    same, delta = watchlist.remove("brazil")
    assert same == watchlist
    assert watchlist.apply(delta) == watchlist


def test_a_change_leaves_the_set_it_was_made_on_as_it_was() -> None:
    before, _ = ORSet().add("alien", "tv")
    after, _ = before.remove("alien")
    before.add("brazil", "tv")
    assert before.value == {"alien"}
    assert after.value == frozenset()


def test_stats_count_what_is_stored() -> None:
    tv, _ = ORSet().add("alien", "tv")
    phone, _ = ORSet().add("alien", "phone")
    both = tv.merge(phone).apply(Delta("brazil", *add(ABSENT, CausalContext(), Tag("web", 2))))
    assert both.stats() == Stats(elements=2, tags=3, replicas=2, cloud=1)


def test_a_hundred_thousand_removes_and_adds_leave_no_trace() -> None:
    watchlist, peer = ORSet(), ORSet()
    for element in ("alien", "brazil"):
        watchlist, _ = watchlist.add(element, "tv")
    for turn in range(100_000):
        watchlist, _ = watchlist.remove("alien")
        watchlist, _ = watchlist.add("alien", ("tv", "phone", "web")[turn % 3])
    small = Stats(elements=2, tags=2, replicas=3, cloud=0)
    assert watchlist.stats() == small
    assert peer.merge(watchlist).stats() == small
