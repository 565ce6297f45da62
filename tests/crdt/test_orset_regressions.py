"""Minimal histories in which a careless set loses an item or brings one back."""

from crdt.causal import CausalContext, Tag
from crdt.orset import ABSENT, Delta, ORSet, add, remove
from tests.crdt.strategies import foreign_add


def test_both_hold_the_element_but_each_removed_what_the_other_holds() -> None:
    """Riak's `present_but_removed`: present on both sides is not alive; tags are."""
    tv, _ = ORSet().add("alien", "tv")
    web = tv
    tv, _ = tv.remove("alien")
    phone, _ = ORSet().add("alien", "phone")
    tv = tv.merge(phone)  # the television holds the phone's tag now
    phone, _ = phone.remove("alien")
    web = web.merge(phone)  # and the browser still the television's
    assert tv.value == web.value == {"alien"}
    assert tv.merge(web).value == frozenset()


def test_no_tag_is_left_when_removals_cross() -> None:
    """Riak's `no_dots_left`: an element must not stay behind with no tag under it."""
    tv, _ = ORSet().add("alien", "tv")
    phone, _ = ORSet().add("alien", "phone")
    web = tv.merge(phone)
    tv, _ = tv.remove("alien")
    phone, _ = phone.remove("alien")
    merged = web.merge(tv).merge(phone)
    assert merged.entries == {}
    assert merged.stats().replicas == 2


def test_contexts_that_overlap_nowhere_still_remove() -> None:
    """Riak's `disjoint_merge`: no shortcut for replicas that seem to have nothing in common."""
    tv, _ = ORSet().add("alien", "tv")
    phone, _ = ORSet().add("brazil", "phone")
    web = tv.merge(phone)
    web, removal = web.remove("brazil")
    assert web.value == {"alien"}
    assert web.merge(phone).value == {"alien"}
    assert tv.apply(removal).merge(phone).value == {"alien"}


def test_a_lost_delta_does_not_turn_into_a_removal() -> None:
    tv, _lost = ORSet().add("alien", "tv")
    tv, delta = tv.add("brazil", "tv")
    phone = ORSet().apply(delta)
    assert phone.value == {"brazil"}
    assert tv.merge(phone).value == {"alien", "brazil"}
    assert phone.merge(tv).value == {"alien", "brazil"}


def test_a_late_delta_fills_the_gap_it_left() -> None:
    tv, late = ORSet().add("alien", "tv")
    tv, delta = tv.add("brazil", "tv")
    phone = ORSet().apply(delta).apply(late)
    assert phone == tv
    assert phone.stats().cloud == 0


def test_an_element_added_again_after_its_removal_is_there() -> None:
    tv, first = ORSet().add("alien", "tv")
    tv, removal = tv.remove("alien")
    tv, second = tv.add("alien", "tv")
    assert tv.value == {"alien"}
    assert ORSet().apply(second).apply(removal).apply(first) == tv


def test_a_concurrent_add_survives_a_remove() -> None:
    tv, _ = ORSet().add("alien", "tv")
    phone = tv
    tv, _ = tv.remove("alien")
    phone, _ = phone.add("alien", "phone")
    assert tv.merge(phone).value == {"alien"}


def test_a_remove_takes_every_add_its_author_had_observed() -> None:
    tv, _ = ORSet().add("alien", "tv")
    phone, _ = ORSet().add("alien", "phone")
    web, _ = tv.merge(phone).remove("alien")
    assert web.merge(tv).merge(phone).value == frozenset()


def test_a_remove_that_overtakes_its_add_still_removes() -> None:
    tag = Tag.parse("movie-123")
    entry, context = remove(ABSENT, CausalContext(), frozenset({tag}))
    assert add(entry, context, tag) == (ABSENT, context)


def test_a_foreign_opaque_tag_stays_removed_when_it_comes_again() -> None:
    published = foreign_add("alien", "movie-123")
    watchlist, _ = ORSet().apply(published).remove("alien")
    assert watchlist.apply(published).value == frozenset()
    assert watchlist.apply(foreign_add("alien", "movie-124")).value == {"alien"}


def test_an_opaque_tag_named_like_a_replica_takes_nothing_from_it() -> None:
    watchlist = ORSet().apply(foreign_add("alien", "tv"))
    watchlist, delta = watchlist.add("brazil", "tv")
    assert watchlist.apply(foreign_add("casablanca", "tv:2")).value == {"alien", "brazil", "casablanca"}
    assert ORSet().apply(delta).apply(foreign_add("alien", "tv")) == watchlist


def test_a_foreign_tag_ahead_of_a_replica_is_not_minted_again() -> None:
    watchlist = ORSet().apply(foreign_add("alien", "tv:2"))
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
    tv, first = ORSet().add("alien", "tv")
    tv, second = tv.add("alien", "tv")
    tv, removal = tv.remove("alien")
    phone = ORSet().apply(second).apply(removal).apply(first)
    assert phone == tv
    assert phone.value == frozenset()


def test_a_removal_overtaking_a_superseding_add_leaves_nothing_behind() -> None:
    tv, first = ORSet().add("alien", "tv")
    tv, second = tv.add("alien", "tv")
    tv, removal = tv.remove("alien")
    assert ORSet().apply(first).apply(removal).apply(second).value == frozenset()


def test_an_empty_delta_is_harmless() -> None:
    tv, _ = ORSet().add("alien", "tv")
    assert tv.apply(Delta("alien", ABSENT, CausalContext())) == tv
