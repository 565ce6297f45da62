from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from crdt.causal import CausalContext, Tag
from crdt.orset import ABSENT, Entry, add, remove
from tests.crdt.replica import Change, Replica
from tests.crdt.strategies import contexts, tag_sets, tags, worlds

World = tuple[list[Replica], list[Change]]
History = list[tuple[str, Entry]]
histories = st.lists(
    st.tuples(st.just("add"), st.frozensets(tags, min_size=1, max_size=1)) | st.tuples(st.just("remove"), tag_sets),
    max_size=8,
)


def replay(history: History) -> tuple[Entry, CausalContext]:
    entry, context = ABSENT, CausalContext()
    for kind, touched in history:
        if kind == "add":
            (tag,) = touched
            entry, context = add(entry, context, tag)
        else:
            entry, context = remove(entry, context, touched)
    return entry, context


@given(histories, st.randoms())
def test_adds_and_removes_of_one_element_commute_and_repeat(history: History, random: Any) -> None:
    outcome = replay(history)
    again = history + history[: random.randint(0, len(history))]
    random.shuffle(again)
    assert replay(again) == outcome


@given(histories)
def test_what_is_live_was_added_and_never_removed(history: History) -> None:
    added = ABSENT.union(*(touched for kind, touched in history if kind == "add"))
    removed = ABSENT.union(*(touched for kind, touched in history if kind == "remove"))
    assert replay(history) == (added - removed, CausalContext().with_tags(*added, *removed))


@given(histories, contexts, tags, tag_sets)
def test_an_add_that_supersedes_is_a_remove_and_an_add_in_either_order(
    history: History, more: CausalContext, tag: Tag, observed: Entry
) -> None:
    entry, context = replay(history)
    context = context.merge(more)
    assume(tag not in context and tag not in observed)
    superseded = add(entry, context, tag, observed)
    assert add(*remove(entry, context, observed), tag) == superseded
    assert remove(*add(entry, context, tag), observed) == superseded


@given(worlds(), st.randoms())
def test_all_changes_in_any_order_make_one_state(world: World, random: Any) -> None:
    _, changes = world
    in_order, shuffled = Replica(), Replica()
    for change in changes:
        in_order = in_order.apply(change)
    again = changes + changes
    random.shuffle(again)
    for change in again:
        shuffled = shuffled.apply(change)
    assert shuffled == in_order


@given(worlds())
def test_replicas_that_have_heard_everything_agree_whatever_they_heard_first(world: World) -> None:
    replicas, changes = world
    for change in changes:
        replicas = [replica.apply(change) for replica in replicas]
    assert replicas == [replicas[0]] * len(replicas)


@given(worlds(), st.data())
def test_a_change_never_shrinks_what_was_seen(world: World, data: st.DataObject) -> None:
    replicas, changes = world
    for replica in replicas:
        if changes:
            changed = replica.apply(data.draw(st.sampled_from(changes)))
            assert changed.context.merge(replica.context) == changed.context


@given(worlds())
def test_every_live_tag_is_in_the_context(world: World) -> None:
    for replica in world[0]:
        assert all(tag in replica.context for tag in replica.tags)


def test_an_add_supersedes_what_its_author_observed_and_remembers_it() -> None:
    old, unknown, tag = Tag("tv", 1), Tag("phone", 1), Tag("tv", 2)
    context = CausalContext().with_tags(old)
    entry, context = add(frozenset({old}), context, tag, frozenset({old, unknown}))
    assert entry == {tag}
    assert add(entry, context, old) == (entry, context)
    assert add(entry, context, unknown) == (entry, context)


def test_an_element_added_many_times_keeps_one_tag() -> None:
    watchlist = Replica()
    for _ in range(5):
        watchlist, _ = watchlist.add("alien", "tv")
    assert watchlist.entries == {"alien": {Tag("tv", 5)}}
    assert watchlist.context.to_wire() == {"vector": {"tv": 5}, "cloud": []}


def test_removing_what_is_absent_changes_nothing() -> None:
    watchlist, _ = Replica().add("alien", "tv")
    same, change = watchlist.remove("brazil")
    assert same == watchlist
    assert watchlist.apply(change) == watchlist


def test_a_hundred_thousand_removes_and_adds_leave_no_trace() -> None:
    entry, context = ABSENT, CausalContext()
    for turn in range(100_000):
        entry, context = remove(entry, context, entry)
        entry, context = add(entry, context, context.next_tag(("tv", "phone", "web")[turn % 3]), entry)
    assert len(entry) == 1
    assert context.to_wire() == {"vector": {"phone": 33_333, "tv": 33_334, "web": 33_333}, "cloud": []}
