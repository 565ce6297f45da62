from pubnub_broker.timetokens import Timetokens


def test_timetokens_rise_while_the_clock_stands_and_when_it_steps_back() -> None:
    readings = iter([17_000_000_000_000_000_00, 17_000_000_000_000_000_00, 16_000_000_000_000_000_00])
    timetokens = Timetokens(lambda: next(readings))

    minted = [timetokens.mint() for _ in range(3)]

    assert minted == [17_000_000_000_000_000, 17_000_000_000_000_001, 17_000_000_000_000_002]
    assert timetokens.last == minted[-1]
