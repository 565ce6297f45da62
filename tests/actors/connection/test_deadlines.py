import pytest

from actors.connection.deadlines import ABSENCE_S, SECOND_LOOK_S, Deadlines, Due


@pytest.fixture
def deadlines() -> Deadlines:
    """Of a connection that begins at 100 s: a ping every 30 s, silent after 60 s, its token ends at 1,000 s."""
    return Deadlines(100.0, 30.0, 60.0, 30.0, 1_000.0)


def test_pings_come_at_the_interval(deadlines: Deadlines) -> None:
    assert deadlines.next_s == 130.0
    assert [deadlines.check(now_s) for now_s in (129.9, 130.0, 131.0, 160.0 - 0.1)] == [
        Due.NOTHING,
        Due.PING,
        Due.NOTHING,
        Due.NOTHING,
    ]
    assert deadlines.next_s == 160.0


def test_who_says_nothing_for_the_time_out_and_at_the_second_look_is_silent(deadlines: Deadlines) -> None:
    assert deadlines.check(130.0) is Due.PING
    assert deadlines.check(160.0) is Due.PING
    assert deadlines.next_s == 160.0 + SECOND_LOOK_S
    assert deadlines.check(160.5) is Due.NOTHING
    assert deadlines.check(160.0 + SECOND_LOOK_S) is Due.SILENCE


def test_who_is_heard_before_the_second_look_has_a_whole_time_out_again(deadlines: Deadlines) -> None:
    assert deadlines.check(130.0) is Due.PING
    assert deadlines.check(160.0) is Due.PING
    deadlines.heard(160.2)
    assert deadlines.check(161.0) is Due.NOTHING
    assert deadlines.check(190.0) is Due.PING
    assert deadlines.check(220.0) is Due.PING  # at 220.2 it is silent again
    assert deadlines.check(220.2) is Due.NOTHING
    assert deadlines.next_s == 220.2 + SECOND_LOOK_S


def test_who_was_away_itself_pings_and_waits_for_a_whole_time_out(deadlines: Deadlines) -> None:
    assert deadlines.check(200.0) is Due.PING
    assert deadlines.next_s == 230.0
    assert deadlines.check(230.0) is Due.PING
    assert deadlines.check(260.0) is Due.PING
    assert deadlines.check(260.0 + SECOND_LOOK_S) is Due.SILENCE


def test_an_absence_between_the_two_looks_counts_as_one(deadlines: Deadlines) -> None:
    assert deadlines.check(130.0) is Due.PING
    assert deadlines.check(160.0) is Due.PING
    assert deadlines.check(160.0 + SECOND_LOOK_S + ABSENCE_S) is Due.PING


def test_the_token_ends_whatever_the_device_says_unless_it_is_renewed(deadlines: Deadlines) -> None:
    deadlines.heard(999.0)
    assert deadlines.check(999.0) is Due.PING
    assert deadlines.next_s == 1_000.0
    assert deadlines.check(1_000.0) is Due.TOKEN_END
    deadlines.renew_token(2_000.0)
    assert deadlines.check(1_000.0) is Due.NOTHING


def test_a_token_that_ended_is_said_rather_than_silence(deadlines: Deadlines) -> None:
    assert deadlines.check(1_500.0) is Due.TOKEN_END


def test_who_takes_nothing_for_the_time_out_does_not_read(deadlines: Deadlines) -> None:
    assert deadlines.watch_reading(110.0, 500)
    assert not deadlines.watch_reading(120.0, 500)
    assert deadlines.next_s == 130.0
    assert [deadlines.check(now_s) for now_s in (130.0, 139.9)] == [Due.PING, Due.NOTHING]
    assert deadlines.next_s == 140.0
    assert deadlines.check(140.0) is Due.UNREAD


def test_who_takes_some_lives_and_has_a_whole_time_out_again(deadlines: Deadlines) -> None:
    assert deadlines.watch_reading(110.0, 500)
    assert deadlines.check(130.0) is Due.PING
    assert not deadlines.watch_reading(139.0, 499)
    assert deadlines.check(160.0) is Due.PING  # it was heard at 139.0
    assert deadlines.check(168.9) is Due.NOTHING
    assert deadlines.next_s == 169.0
    assert deadlines.check(169.0) is Due.UNREAD


def test_who_takes_everything_lives_and_is_watched_no_longer(deadlines: Deadlines) -> None:
    assert deadlines.watch_reading(110.0, 500)
    assert deadlines.check(130.0) is Due.PING
    deadlines.caught_up(139.0)
    assert deadlines.check(160.0) is Due.PING
    assert deadlines.check(170.0) is Due.NOTHING
    assert deadlines.watch_reading(171.0, 9)


def test_whose_socket_was_never_full_shows_nothing_by_having_caught_up(deadlines: Deadlines) -> None:
    deadlines.caught_up(139.0)
    assert deadlines.check(130.0) is Due.PING
    assert deadlines.check(160.0) is Due.PING
    assert deadlines.check(160.0 + SECOND_LOOK_S) is Due.SILENCE


def test_who_was_away_itself_wrote_nothing_meanwhile(deadlines: Deadlines) -> None:
    assert deadlines.watch_reading(110.0, 500)
    assert deadlines.check(150.0) is Due.PING
    assert deadlines.next_s == 180.0
    assert deadlines.check(180.0) is Due.UNREAD
