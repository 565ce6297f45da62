import pytest

from actors.journal.reading_time import FREE_S, MAX_REST_S, MIN_SWEEP, REST, ReadingTime

READ_S = FREE_S / 8


def test_what_a_user_reads_now_and_then_is_free_and_what_is_beyond_is_not() -> None:
    reading = ReadingTime()
    assert [reading.add("ann", READ_S, 100.0) > 0 for _ in range(10)] == [False] * 8 + [True] * 2
    assert not reading.add("bob", READ_S, 100.0)


def test_who_rests_after_each_read_rests_after_the_next() -> None:
    reading, now_s = ReadingTime(), 100.0
    while not reading.add("ann", READ_S, now_s):
        pass
    for _ in range(5):
        now_s += 0.9 * REST * READ_S
        assert reading.add("ann", READ_S, now_s)


def test_a_rest_is_in_proportion_to_what_the_read_took_and_bounded() -> None:
    reading = ReadingTime()
    assert not reading.add("ann", FREE_S, 100.0)
    assert reading.add("ann", MAX_REST_S / REST / 2, 100.0) == pytest.approx(MAX_REST_S / 2)
    assert reading.add("ann", 1.0, 100.0) == MAX_REST_S


def test_who_has_not_read_for_long_may_read_no_more_than_others() -> None:
    reading = ReadingTime()
    reading.add("ann", READ_S, 100.0)
    assert [reading.add("ann", 0.99 * READ_S, 1_000.0) > 0 for _ in range(10)] == [False] * 8 + [True] * 2


def test_what_was_read_is_forgotten_however_much_it_was() -> None:
    reading = ReadingTime()
    for _ in range(100):
        reading.add("ann", FREE_S, 100.0)
    assert not reading.add("ann", 0.99 * FREE_S, 100.0 + REST * FREE_S)


def test_users_whose_reading_is_forgotten_are_not_kept() -> None:
    reading = ReadingTime()
    for number in range(3 * MIN_SWEEP):
        reading.add(f"user {number}", READ_S, float(number))
    assert len(reading) <= MIN_SWEEP
