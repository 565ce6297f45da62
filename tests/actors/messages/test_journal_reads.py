import pytest

from actors.messages.journal_reads import Changes


@pytest.mark.parametrize(("revision", "has_more"), [(6, True), (7, False)])
def test_changes_have_more_behind_them_until_they_reach_the_head(revision: int, has_more: bool) -> None:
    changes = Changes(line="ann", epoch="e", revision=revision, head=7, updates=())
    assert changes.has_more is has_more
