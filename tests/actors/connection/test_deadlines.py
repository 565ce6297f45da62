import pytest

from actors.connection.deadlines import Deadlines, Due


@pytest.fixture
def deadlines() -> Deadlines:
    """Of a connection that begins at 100 s: a ping every 30 s, silent after 60 s, its token ends at 1,000 s."""
    return Deadlines(100.0, 30.0, 60.0, 1_000.0)


def test_pings_come_at_the_interval(deadlines: Deadlines) -> None:
    assert deadlines.next_s == 130.0
    assert [deadlines.check(now_s) for now_s in (129.9, 130.0, 131.0, 160.0 - 0.1)] == [
        Due.NOTHING,
        Due.PING,
        Due.NOTHING,
        Due.NOTHING,
    ]
    assert deadlines.next_s == 160.0


def test_who_says_nothing_for_the_time_out_is_silent_and_who_says_something_is_not(deadlines: Deadlines) -> None:
    assert deadlines.check(159.9) is Due.PING
    assert deadlines.check(160.0) is Due.SILENCE
    deadlines.heard(160.0)
    assert deadlines.check(160.0) is Due.NOTHING
    assert deadlines.check(219.9) is Due.PING
    assert deadlines.check(220.0) is Due.SILENCE


def test_the_token_ends_whatever_the_device_says_unless_it_is_renewed(deadlines: Deadlines) -> None:
    deadlines.heard(999.0)
    assert deadlines.check(999.0) is Due.PING
    assert deadlines.next_s == 1_000.0
    assert deadlines.check(1_000.0) is Due.TOKEN_END
    deadlines.renew_token(2_000.0)
    assert deadlines.check(1_000.0) is Due.NOTHING


def test_a_token_that_ended_is_said_rather_than_silence(deadlines: Deadlines) -> None:
    assert deadlines.check(1_500.0) is Due.TOKEN_END
