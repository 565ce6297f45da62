"""Whether an edit of lists has changed anything: only then somebody is told."""

from actors.messages.lists import ListDeleted, ListPut


def test_a_list_that_was_made_or_named_is_a_change_and_one_beyond_the_bound_is_none() -> None:
    assert [ListPut(is_new=True).is_done, ListPut().is_done, ListPut(problem="full").is_done] == [True, True, False]


def test_a_list_that_is_gone_is_a_change_and_one_that_was_never_there_is_none() -> None:
    assert (ListDeleted(7).is_done, ListDeleted(None).is_done) == (True, False)
