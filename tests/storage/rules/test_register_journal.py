"""The rules of registers, in memory: the latest word on each member holds, in whatever order words arrive."""

from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from actors.messages.collections import DEVICES, PROGRESS, line_of
from actors.messages.journal import Outcome, Status
from actors.messages.register_kinds import REGISTER_KINDS
from actors.messages.registers import RegisterChange, RegisterOperation, Values
from crdt.hlc import HLCTimestamp
from storage.rules.bounds import Bounds
from storage.rules.list_journal import NO_HEAD
from storage.rules.register_journal import RegisterJournal

LINE, DEVICES_LINE = line_of("ann", PROGRESS), line_of("ann", DEVICES)


def says(
    at: int,
    position: float | None,
    *,
    key: str = "film",
    device: str = "tv",
    operation_id: str | None = None,
    **more: Any,
) -> RegisterOperation:
    """Return a word on ``key``, said by ``device`` at second ``at``; without ``position`` it is that it is removed."""
    said = None if position is None else {"position": position, "state": "playing", "watched": None} | more
    change = RegisterChange(key=key, says=said, operation_id=operation_id)
    return RegisterOperation(line=LINE, device_id=device, change=change, timestamp=HLCTimestamp(at * 1000, 0, device))


def empty_journal(**bounds: int) -> RegisterJournal:
    return RegisterJournal(LINE, REGISTER_KINDS[PROGRESS], NO_HEAD, Bounds(**bounds))


def value(outcome: Outcome) -> Values:
    assert outcome.register is not None
    return outcome.register.values


def test_each_word_that_changes_a_key_gets_the_next_revision() -> None:
    journal = empty_journal()
    outcomes = [journal.apply(says(1, 10.5)), journal.apply(says(2, 20, key="other")), journal.apply(says(3, 30))]
    assert [(one.status, one.revision, one.is_new) for one in outcomes] == [
        (Status.UPDATED, 1, True), (Status.UPDATED, 2, True), (Status.UPDATED, 3, True),
    ]  # fmt: skip
    assert value(outcomes[0]) == {"position": 10.5, "state": "playing"}
    assert (journal.new_head.revision, journal.new_head.items, journal.new_head.replicas) == (3, 2, 0)
    assert journal.new_head.clock == HLCTimestamp(3000, 0, "tv")


def test_an_older_word_is_superseded_and_told_what_is_there() -> None:
    journal = empty_journal()
    journal.apply(says(5, 50))
    older = journal.apply(says(4, 40))
    assert (older.status, older.revision, older.is_new) == (Status.SUPERSEDED, 1, False)
    assert value(older)["position"] == 50
    same = journal.apply(says(4, 50))
    assert (same.status, same.is_new, same.timestamp) == (Status.SUPERSEDED, False, HLCTimestamp(5000, 0, "tv"))


def test_the_clock_stays_at_the_latest_word_on_any_key() -> None:
    journal = empty_journal()
    journal.apply(says(5, 50))
    journal.apply(says(3, 30, key="other"))
    assert journal.new_head.clock == HLCTimestamp(5000, 0, "tv")
    unstamped = structs.replace(says(4, 40), is_stamped_here=True)
    assert journal.apply(unstamped).status is Status.UPDATED, "who says no time means now, which is later than all"


def test_a_rewind_and_a_remove_win_when_they_are_later() -> None:
    journal = empty_journal()
    assert value(journal.apply(says(1, 95, duration=100, watched=True)))["watched"]
    assert value(journal.apply(says(2, 5))) == {"position": 5, "state": "playing", "duration": 100}
    removed = journal.apply(says(3, None))
    assert (removed.status, value(removed)) == (Status.REMOVED, {})
    assert journal.apply(says(2, 60)).status is Status.SUPERSEDED
    assert (journal.new_head.items, journal.new_head.replicas) == (0, 1)
    assert value(journal.apply(says(4, 1))) == {"position": 1, "state": "playing"}, "its duration went, too"
    assert (journal.new_head.items, journal.new_head.replicas) == (1, 0)


def test_a_remove_of_what_is_not_there_is_remembered() -> None:
    journal = empty_journal()
    assert journal.apply(says(3, None)).status is Status.NOT_FOUND
    assert journal.apply(says(2, 60)).status is Status.SUPERSEDED
    assert journal.apply(says(2, None)).status is Status.SUPERSEDED


def test_a_duration_that_comes_late_fills_in_what_nobody_has_said_later() -> None:
    journal = empty_journal()
    journal.apply(says(5, 50, device="tv"))
    late = journal.apply(says(4, 40, device="phone", duration=100))
    assert (late.status, late.is_new, value(late)) == (
        Status.SUPERSEDED, True, {"position": 50, "state": "playing", "duration": 100},
    )  # fmt: skip
    assert late.register is not None
    assert (late.register.device_id, late.register.timestamp.physical) == ("tv", 5000)


def test_the_same_word_again_changes_nothing() -> None:
    journal = empty_journal()
    first = journal.apply(says(5, 50))
    again = journal.apply(says(5, 50))
    assert (again.status, again.register, again.is_new) == (Status.UPDATED, first.register, False)
    journal.apply(says(6, None))
    assert journal.apply(says(6, None)).status is Status.REMOVED


def test_a_repeated_operation_id_gets_the_first_answer() -> None:
    journal = empty_journal()
    first = journal.apply(says(5, 50, operation_id="a"))
    journal.apply(says(6, 60))
    again = journal.apply(says(7, 50, operation_id="a"))
    assert (again.status, again.register, again.is_new) == (Status.UPDATED, first.register, False)
    other = journal.apply(says(8, None, operation_id="a"))
    assert (other.status, other.reason) == (Status.REFUSED, "operation_id 'a' was used before, to update film")
    journal.apply(says(9, None, operation_id="b"))
    other = journal.apply(says(10, 50, operation_id="b"))
    assert other.reason == "operation_id 'b' was used before, to remove film"


def test_beyond_the_bound_only_keys_that_are_there_may_change() -> None:
    journal = empty_journal(keys_per_user=1)
    journal.apply(says(1, 10))
    refused = journal.apply(says(2, 20, key="other", operation_id="a"))
    assert (refused.quota, refused.field, refused.register) == ("keys_per_user", "content_id", None)
    assert refused.reason == "content_id: 1 have a value (keys_per_user): remove one first"
    assert journal.apply(says(3, 30)).status is Status.UPDATED
    journal.apply(says(4, None))
    assert journal.apply(says(5, 20, key="other", operation_id="a")).status is Status.UPDATED


def known(at: int, device: str, operation_id: str | None = None) -> RegisterOperation:
    """Return the own word of ``device`` by which it is known, said at second ``at``."""
    return _of_devices(at, device, RegisterChange(key=device, says={"known": True}, operation_id=operation_id))


def forget(at: int, device: str, *, by: str) -> RegisterOperation:
    """Return the word of the device ``by`` that ``device`` is to be forgotten."""
    return _of_devices(at, by, RegisterChange(key=device, says=None))


def _of_devices(at: int, author: str, change: RegisterChange) -> RegisterOperation:
    stamp = HLCTimestamp(at * 1000, 0, author)
    return RegisterOperation(line=DEVICES_LINE, device_id=author, change=change, timestamp=stamp)


def named(at: int, device: str, *, operation_id: str | None = None, **fields: str) -> RegisterOperation:
    """Return what ``device`` has said of itself at second ``at``."""
    return _of_devices(
        at, device, RegisterChange(key=device, says={"known": True, **fields}, operation_id=operation_id)
    )


def journal_with_devices(*devices: str) -> RegisterJournal:
    """Return a journal that holds as many devices as it may, any of which may go for another, the first first."""
    journal = RegisterJournal(DEVICES_LINE, REGISTER_KINDS[DEVICES], NO_HEAD, Bounds(devices_per_user=len(devices)))
    for number, device in enumerate(devices, 101):
        journal.apply(known(number, device))
    journal.learn_spare([journal.changed[device] for device in devices])
    return journal


def forgotten(outcome: Outcome) -> list[str]:
    return [update.key for update in outcome.forgotten]


def test_for_one_device_too_many_goes_the_first_that_may_and_is_still_there() -> None:
    journal = journal_with_devices("tv", "web", "old")
    journal.apply(forget(201, "tv", by="web"))
    assert forgotten(journal.apply(known(202, "phone"))) == []  # there is room
    assert forgotten(journal.apply(known(203, "watch"))) == ["web"]
    assert [device for device in ("tv", "web", "old", "phone", "watch") if journal.has(device)] == [
        "old", "phone", "watch",
    ]  # fmt: skip
    assert journal.new_head.items == 3


def test_a_repetition_in_the_batch_tells_of_no_device_that_has_gone() -> None:
    journal = journal_with_devices("tv", "web")
    phone = known(201, "phone", operation_id="a")
    first, again = journal.apply(phone), journal.apply(phone)
    assert (forgotten(first), forgotten(again)) == (["tv"], [])
    assert (again.status, again.register, again.is_new) == (first.status, first.register, False)


def test_a_device_goes_for_another_however_old_the_word_of_that_one_is() -> None:
    journal = journal_with_devices("tv", "web")
    assert forgotten(journal.apply(known(1, "phone"))) == ["tv"]
    assert [device for device in ("tv", "web", "phone") if journal.has(device)] == ["web", "phone"]


def test_a_device_that_is_not_known_is_not_remembered_as_removed_even_by_its_own_word() -> None:
    journal = journal_with_devices("tv")
    head = journal.new_head
    assert journal.apply(forget(201, "phone", by="phone")).status is Status.NOT_FOUND
    assert (journal.new_head, set(journal.changed)) == (head, {"tv"})


def test_what_a_device_said_before_it_was_known_is_as_it_said() -> None:
    journal = journal_with_devices("tv")
    name, kind = named(90, "tv", device_name="TV"), named(91, "tv", device_type="tv", operation_id="a")
    outcomes = [journal.apply(name), journal.apply(kind), journal.apply(kind)]
    assert [(one.status, one.timestamp, one.is_new) for one in outcomes] == [
        (Status.UPDATED, name.timestamp, True),
        (Status.UPDATED, kind.timestamp, True),
        (Status.UPDATED, kind.timestamp, False),
    ], "and not under the stamp of its connection: what its author stamps between them is later"
    assert value(outcomes[1]) == {"known": True, "device_name": "TV", "device_type": "tv"}
    assert outcomes[1].register is not None
    assert outcomes[1].register.timestamp == known(101, "tv").timestamp, "devices are shown the latest word"


def test_a_later_word_on_a_field_or_that_a_device_is_forgotten_supersedes() -> None:
    journal = journal_with_devices("tv")
    later = named(200, "tv", device_name="Bedroom")
    journal.apply(later)
    partly = journal.apply(named(150, "tv", device_name="TV", platform="webos"))
    assert (partly.status, partly.timestamp, partly.is_new) == (Status.SUPERSEDED, later.timestamp, True)
    assert value(partly) == {"known": True, "device_name": "Bedroom", "platform": "webos"}
    journal.apply(forget(300, "tv", by="tv"))
    assert journal.apply(named(250, "tv", device_type="tv")).status is Status.SUPERSEDED
    assert not journal.has("tv")


WORDS = st.builds(
    says,
    st.integers(1, 3),
    st.none() | st.integers(0, 2),
    key=st.sampled_from(["film", "other"]),
    device=st.sampled_from(["tv", "phone"]),
    duration=st.sampled_from([50, 100]),
) | st.builds(says, st.integers(1, 3), st.integers(0, 2), device=st.sampled_from(["tv", "phone"]))


@given(st.lists(WORDS, max_size=4))
def test_the_order_in_which_words_arrive_does_not_matter(words: list[RegisterOperation]) -> None:
    ends = set[str]()
    for order in permutations(words):
        journal = empty_journal()
        for word in order:
            journal.apply(word)
        registers = journal.changed.values()
        assert len(registers) <= len({word.change.key for word in words})
        head = journal.new_head
        assert head.items == sum(bool(one.values) for one in registers)
        assert head.items + head.replicas == len(registers)
        ends.add(str(sorted((one.key, sorted(one.values.items()), one.timestamp, one.device_id) for one in registers)))
    assert len(ends) == 1


def test_an_update_and_a_removal_of_one_stamp_leave_no_part_of_a_value_in_either_order() -> None:
    for words in permutations((says(5, 10.5, watched=True), says(5, None))):
        journal = empty_journal()
        outcomes = [journal.apply(word) for word in words]
        assert value(outcomes[-1]) == {}
        assert not journal.has("film")
