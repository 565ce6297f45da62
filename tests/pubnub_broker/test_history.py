from pubnub_broker.channels import Message
from pubnub_broker.history import History
from tests.pubnub_broker.messages import message


def test_history_pages_back_from_the_newest_and_forward_from_the_oldest() -> None:
    history = History(kept=100)
    for timetoken in range(1, 11):
        history.append(message("c", timetoken))

    def tokens(messages: list[Message]) -> list[int]:
        return [m.timetoken for m in messages]

    assert tokens(history.newest("c", 3, before=None, since=None)) == [8, 9, 10]
    assert tokens(history.newest("c", 3, before=8, since=None)) == [5, 6, 7]
    assert tokens(history.newest("c", 9, before=8, since=6)) == [6, 7]
    assert tokens(history.oldest("c", 3, after=None, until=None)) == [1, 2, 3]
    assert tokens(history.oldest("c", 9, after=8, until=9)) == [9]
    assert history.count("c", after=8) == 2


def test_history_deletes_a_range_and_forgets_the_oldest_over_its_bound() -> None:
    history = History(kept=3)
    for timetoken in range(1, 4):
        history.append(message("c", timetoken))
    history.delete("c", after=0, until=1)
    history.append(message("d", 4))  # pushes out 1, which is gone already
    assert [m.timetoken for m in history.newest("c", 9, before=None, since=None)] == [2, 3]

    history.append(message("d", 5))
    history.append(message("d", 6))
    assert history.count("c", after=0) == 0
    assert history.count("d", after=0) == 3
