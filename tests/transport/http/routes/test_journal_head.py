import pytest

from actors.messages.journal import JournalMessage
from actors.messages.journal_reads import HeadsLoaded, LoadHeads
from tests.transport.http.lone_api import HEAD, api_deps
from transport.errors import Problem
from transport.http.routes.journal_head import journal_head


async def test_the_head_is_that_of_the_user_asked_for() -> None:
    def journal(message: JournalMessage) -> None:
        assert isinstance(message, LoadHeads)
        assert message.lines == ("ann",)
        message.reply_to(HeadsLoaded((HEAD,)))

    assert await journal_head(api_deps(journal=journal), "ann") is HEAD


async def test_a_journal_that_cannot_be_read_is_503() -> None:
    def journal(message: JournalMessage) -> None:
        assert isinstance(message, LoadHeads)
        message.reply_to(HeadsLoaded(None))

    with pytest.raises(Problem, match="cannot be read now") as refused:
        await journal_head(api_deps(journal=journal), "ann")
    assert refused.value.status == 503
