"""Minimal histories in which a careless set loses an item or brings one back."""

from crdt.causal import CausalContext, Tag
from crdt.orset import ABSENT, add, remove
from tests.crdt.replica import Replica, foreign_add


def test_both_hold_the_element_but_each_removed_what_the_other_holds() -> None:
    """Riak's `present_but_removed`: present on both sides is not alive; tags are."""
    web, first = Replica().add("alien", "web")
    tv, first_removal = Replica().apply(first).remove("alien")
    phone, second = Replica().add("alien", "phone")
    _, second_removal = phone.remove("alien")
    tv = tv.apply(second)  # the television holds the phone's tag now
    web = web.apply(second).apply(second_removal)  # and the browser still its own
    assert tv.value == web.value == {"alien"}
    assert tv.apply(second_removal).value == web.apply(first_removal).value == frozenset()


def test_no_tag_is_left_when_removals_cross() -> None:
    """Riak's `no_dots_left`: an element must not stay behind with no tag under it."""
    tv, first = Replica().add("alien", "tv")
    phone, second = Replica().add("alien", "phone")
    web = Replica().apply(first).apply(second)
    _, first_removal = tv.remove("alien")
    _, second_removal = phone.remove("alien")
    assert web.apply(second_removal).apply(first_removal).entries == {}


def test_a_change_that_overtook_an_earlier_one_does_not_turn_it_into_a_removal() -> None:
    tv, late = Replica().add("alien", "tv")
    tv, early = tv.add("brazil", "tv")
    phone = Replica().apply(early)
    assert phone.value == {"brazil"}
    assert phone.context.to_wire() == {"vector": {}, "cloud": ["tv:2"]}
    phone = phone.apply(late)
    assert phone == tv
    assert phone.context.to_wire() == {"vector": {"tv": 2}, "cloud": []}


def test_an_element_added_again_after_its_removal_is_there() -> None:
    tv, first = Replica().add("alien", "tv")
    tv, removal = tv.remove("alien")
    tv, second = tv.add("alien", "tv")
    assert tv.value == {"alien"}
    assert Replica().apply(second).apply(removal).apply(first) == tv


def test_a_concurrent_add_survives_a_remove() -> None:
    tv, first = Replica().add("alien", "tv")
    _, removal = tv.remove("alien")
    _, concurrent = Replica().apply(first).add("alien", "phone")
    assert tv.apply(concurrent).apply(removal).value == {"alien"}
    assert tv.apply(removal).apply(concurrent).value == {"alien"}


def test_a_remove_takes_every_add_its_author_had_observed() -> None:
    tv, first = Replica().add("alien", "tv")
    phone, second = Replica().add("alien", "phone")
    _, removal = Replica().apply(first).apply(second).remove("alien")
    assert tv.apply(removal).apply(second).value == frozenset()
    assert phone.apply(removal).apply(first).value == frozenset()


def test_a_remove_that_overtakes_its_add_still_removes() -> None:
    tag = Tag.parse("movie-123")
    entry, context = remove(ABSENT, CausalContext(), frozenset({tag}))
    assert add(entry, context, tag) == (ABSENT, context)


def test_a_foreign_opaque_tag_stays_removed_when_it_comes_again() -> None:
    published = foreign_add("alien", "movie-123")
    watchlist, _ = Replica().apply(published).remove("alien")
    assert watchlist.apply(published).value == frozenset()
    assert watchlist.apply(foreign_add("alien", "movie-124")).value == {"alien"}


def test_an_opaque_tag_named_like_a_replica_takes_nothing_from_it() -> None:
    watchlist = Replica().apply(foreign_add("alien", "tv"))
    watchlist, change = watchlist.add("brazil", "tv")
    assert watchlist.apply(foreign_add("casablanca", "tv:2")).value == {"alien", "brazil", "casablanca"}
    assert Replica().apply(change).apply(foreign_add("alien", "tv")) == watchlist


def test_a_foreign_tag_ahead_of_a_replica_is_not_minted_again() -> None:
    watchlist = Replica().apply(foreign_add("alien", "tv:2"))
    for element in ("brazil", "casablanca"):
        watchlist, _ = watchlist.add(element, "tv")
    assert watchlist.entries["casablanca"] == {Tag("tv", 3)}
    assert watchlist.value == {"alien", "brazil", "casablanca"}


def test_an_add_repeated_after_its_removal_does_not_take_a_later_add_with_it() -> None:
    """A retry says again what it observed, by now too much: a tag already seen must change nothing at all."""
    first, later = Tag("tv", 1), Tag("phone", 1)
    entry, context = add(ABSENT, CausalContext(), first)
    entry, context = remove(entry, context, entry)
    entry, context = add(entry, context, later)
    assert add(entry, context, first, observed=entry) == (frozenset({later}), context)


def test_a_superseded_tag_that_comes_late_stays_superseded() -> None:
    tv, first = Replica().add("alien", "tv")
    tv, second = tv.add("alien", "tv")
    tv, removal = tv.remove("alien")
    phone = Replica().apply(second).apply(removal).apply(first)
    assert phone == tv
    assert phone.value == frozenset()


def test_a_removal_overtaking_a_superseding_add_leaves_nothing_behind() -> None:
    tv, first = Replica().add("alien", "tv")
    tv, second = tv.add("alien", "tv")
    tv, removal = tv.remove("alien")
    assert Replica().apply(first).apply(removal).apply(second).value == frozenset()
