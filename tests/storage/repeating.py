"""An operation that comes again: what of its answer has to be the same, and that it changes nothing."""

from msgspec import json

from actors.messages.device import answer_to
from actors.messages.journal import Operation, Outcome
from actors.messages.journal_reads import Page
from storage.journal.journal_store import SqlJournalStore
from tests.whole_list import whole_list
from transport.http.exchange.responses import write_response


def commit(journal: SqlJournalStore, *operations: Operation) -> list[Outcome]:
    """Commit one after the other, each in its own transaction."""
    return [journal.commit([operation])[0] for operation in operations]


def on_the_wire(operation: Operation, outcome: Outcome) -> tuple[bytes, bytes]:
    return json.encode(write_response(operation.change, outcome)), json.encode(answer_to("w1", outcome))


def state(journal: SqlJournalStore) -> tuple[Page, int]:
    return whole_list(journal), journal.heads(["ann"])[0].revision


def assert_repeats(journal: SqlJournalStore, operation: Operation, first: Outcome) -> None:
    before = state(journal)
    (again,) = journal.commit([operation])
    assert on_the_wire(operation, again) == on_the_wire(operation, first)
    assert (again.field, again.is_new) == (first.field, False)
    assert state(journal) == before
