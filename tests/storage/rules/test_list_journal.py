"""The rules in memory, without a database: what a batch makes of a user's journal, and what has to be written of it."""

import pytest
from msgspec import structs

from actors.messages.change import Change
from actors.messages.journal import Operation, Outcome, Status
from crdt.causal import CausalContext, Tag
from crdt.hlc import HLCTimestamp
from storage.rules.bounds import Bounds
from storage.rules.list_journal import JOURNAL_REPLICA, JournalHead, ListAnswer, ListJournal
from storage.rules.live_tags import LiveTag
from tests.storage.author import NOW_MS, Author

EMPTY = JournalHead(revision=0, first_revision=1, minted=0, clock=HLCTimestamp(0, 0, ""))


def journal(head: JournalHead = EMPTY, **contexts: CausalContext) -> ListJournal:
    return ListJournal("ann", head, contexts, 0)


def statuses(user: ListJournal, *operations: Operation) -> list[Status]:
    return [user.apply(operation).status for operation in operations]


def live(author: Author, name: str, tag: str, revision: int = 1, device: str = "tv") -> LiveTag:
    return LiveTag(author.content(name), Tag.parse(tag), revision, HLCTimestamp(NOW_MS - 1, 0, "n"), device)


def test_an_add_counts_on_from_the_head_and_mints_the_next_tag(author: Author) -> None:
    user = journal(JournalHead(revision=7, first_revision=3, minted=4, clock=HLCTimestamp(1, 0, "n")))
    add = author.add("alien")
    outcome = user.apply(add)
    assert outcome.update is not None
    assert (outcome.update.revision, outcome.update.tags) == (8, ("syncd:5",))
    assert (user.revision, user.minted, user.clock) == (8, 5, add.timestamp)
    assert user.recorded == [outcome]
    assert user.lone == set()
    assert user.head.revision == 7


def test_the_clock_never_goes_back(author: Author) -> None:
    later = HLCTimestamp(NOW_MS * 2, 0, "n")
    user = journal(JournalHead(revision=1, first_revision=1, minted=1, clock=later))
    user.apply(author.add("alien"))
    assert user.clock == later


def test_what_led_to_a_record_is_not_in_it(author: Author) -> None:
    add = author.add("alien", tag="phone:1", observed=0, operation_id="op")
    change = structs.replace(add.change, timestamp=add.timestamp)
    update = journal().apply(structs.replace(add, change=change)).update
    assert update is not None
    assert update.change == Change("add", author.content("alien"), "op")


def test_only_what_the_batch_left_changed_is_to_be_written(author: Author) -> None:
    user = journal(JournalHead(revision=2, first_revision=1, minted=2, clock=HLCTimestamp(1, 0, "n")))
    alien, brazil = live(author, "alien", "syncd:1"), live(author, "brazil", "syncd:2", 2)
    user.learn_live(alien)
    user.learn_live(brazil)
    assert user.live_changes() == ([], [])
    operations = (author.remove("alien"), author.add("clue"), author.remove("clue"), author.add("alien"))
    assert statuses(user, *operations) == [Status.REMOVED, Status.ADDED, Status.REMOVED, Status.ADDED]
    made, removed = user.live_changes()
    assert [str(born.tag) for born in made] == ["syncd:4"]
    assert removed == [alien]
    assert len(user.recorded) == 4


def test_contexts_of_replicas_that_learnt_nothing_are_not_written(author: Author) -> None:
    known = CausalContext().with_tags(Tag("phone", 1))
    user = journal(phone=known)
    assert statuses(user, author.add("alien", tag="web:1"), author.remove("brazil", tags=("phone:1",))) == [
        Status.ADDED,
        Status.NOT_FOUND,
    ]
    assert user.context_changes() == {"web": CausalContext().with_tags(Tag("web", 1))}


def test_what_the_journal_has_minted_is_in_its_head_and_in_no_context(author: Author) -> None:
    user = journal(JournalHead(revision=1, first_revision=1, minted=1, clock=HLCTimestamp(1, 0, "n"), items=1))
    user.learn_live(live(author, "alien", "syncd:1"))
    assert statuses(user, author.remove("alien", tags=("syncd:1", "phone:1"))) == [Status.REMOVED]
    assert user.context_changes() == {"phone": CausalContext().with_tags(Tag("phone", 1))}
    assert (user.minted, user.new_head.replicas) == (1, 1)


def test_a_tag_named_in_a_refused_operation_is_not_remembered(author: Author) -> None:
    user = journal()
    refused = user.apply(author.remove("alien", tags=("phone:1", "syncd:9")))
    assert refused.status is Status.REFUSED
    assert user.context_changes() == {}
    assert not user.has_seen(Tag("phone", 1))


@pytest.mark.parametrize("tag", ["", f"{JOURNAL_REPLICA}:2", JOURNAL_REPLICA])
def test_a_tag_that_nobody_may_name_is_refused_and_changes_nothing(author: Author, tag: str) -> None:
    user = journal()
    for operation in (author.add("alien", tag=tag), author.remove("alien", tags=(tag,))):
        outcome = user.apply(operation)
        assert outcome.status is Status.REFUSED
        assert outcome.reason
    assert (user.recorded, user.revision, user.minted) == ([], 0, 0)


def test_a_repetition_in_the_batch_gets_the_first_answer(author: Author) -> None:
    user = journal()
    first = user.apply(author.add("alien", operation_id="a"))
    assert user.apply(author.add("alien", operation_id="a")) == Outcome(status=Status.ADDED, update=first.update)
    used = user.apply(author.remove("alien", operation_id="a"))
    assert used.reason == f"operation_id 'a' was used before, to add {author.content('alien')}"
    assert len(user.recorded) == 1


def test_a_repetition_in_the_batch_does_not_meet_a_bound_again(author: Author) -> None:
    user = ListJournal("ann", EMPTY, {}, 0, Bounds(tags_per_item=1))
    add = author.add("alien", observed=0, device="phone", operation_id="a")
    first, again = [user.apply(operation) for operation in (author.add("alien"), add, add)][1:]
    assert (first.quota, again.quota, again.update) == ("tags_per_item", None, first.update)


def test_what_an_add_has_observed_goes_by_that_and_not_by_the_bound(author: Author) -> None:
    user = ListJournal("ann", EMPTY, {}, 0, Bounds(tags_per_item=2))
    user.apply(author.add("alien", tag="web:1", device="web"))
    user.apply(author.add("alien", tag="tv:1", device="tv", observed=0))
    add = user.apply(author.add("alien", tag="tv:2", device="tv", observed=0))  # its own device's is observed
    assert (add.status, add.quota) == (Status.EXISTING, None)
    removed = user.apply(author.remove("alien")).update
    assert removed is not None
    assert removed.tags == ("tv:2", "web:1")


def test_a_repetition_of_what_was_learnt_gets_the_recorded_answer(author: Author) -> None:
    recorded = journal().apply(author.add("alien", operation_id="a", tag="phone:1")).update
    assert recorded is not None
    user = journal(
        JournalHead(revision=1, first_revision=1, minted=0, clock=HLCTimestamp(1, 0, "n")),
        phone=CausalContext().with_tags(Tag("phone", 1)),
    )
    answer = ListAnswer(
        action="add", content_id=author.content("alien"), outcome=Outcome(status=Status.ADDED, update=recorded)
    )
    user.learn_answer("a", answer)
    user.learn_add("phone:1", answer)
    by_id, by_tag = author.add("alien", operation_id="a"), author.add("alien", tag="phone:1")
    assert [user.apply(operation).update for operation in (by_id, by_tag)] == [recorded, recorded]
    assert user.apply(author.add("brazil", tag="phone:1")).status is Status.REFUSED


def test_a_tag_whose_record_is_gone_is_judged_by_the_content_that_it_is_asked_for(author: Author) -> None:
    user = journal(phone=CausalContext().with_tags(Tag("phone", 1)))
    user.learn_live(live(author, "alien", "phone:1"))
    alien, brazil = author.content("alien"), author.content("brazil")
    assert user.added_revision(alien, Tag("phone", 1)) == 1
    assert user.added_revision(alien, Tag("phone", 2)) is None
    assert user.added_revision(brazil, Tag("phone", 1)) is None
    assert statuses(user, author.add("brazil", tag="phone:1"), author.add("alien", tag="phone:1")) == [
        Status.REMOVED,
        Status.EXISTING,
    ]


@pytest.mark.parametrize(
    ("device", "observed", "status"),
    [
        ("web", 0, Status.EXISTING),
        ("web", 1, Status.REMOVED),
        ("tv", 0, Status.REMOVED),
        ("web", None, Status.REMOVED),
    ],
)
def test_a_remove_takes_what_its_author_had_read_or_written(
    author: Author, device: str, observed: int | None, status: Status
) -> None:
    user = journal(JournalHead(revision=1, first_revision=1, minted=1, clock=HLCTimestamp(1, 0, "n")))
    user.learn_live(live(author, "alien", "syncd:1"))
    assert statuses(user, author.remove("alien", device=device, observed=observed)) == [status]


def test_of_several_tags_the_newest_is_named_first(author: Author) -> None:
    user = journal(JournalHead(revision=2, first_revision=1, minted=2, clock=HLCTimestamp(1, 0, "n")))
    for revision, tag in ((1, "syncd:1"), (2, "syncd:2")):
        user.learn_live(live(author, "alien", tag, revision))
    removed = user.apply(author.remove("alien")).update
    assert removed is not None
    assert removed.tags == ("syncd:2", "syncd:1")
