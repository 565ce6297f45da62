"""Several stores on one database, as several nodes are: one user's revisions have no gaps and ascend as they commit."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg

from actors.messages.collections import collection_of_list, line_of
from actors.messages.journal import Outcome, Status, Update
from storage.journal.journal_store import SqlJournalStore
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.reading import shown, updates
from tests.timeouts import TIMEOUT_S
from tests.whole_list import whole_list

NODES = 3
BATCHES = 15
USERS = ("ann", "bob", "cid", "dan")


def test_nodes_that_write_the_same_users_at_once_leave_one_history_each(
    open_journal: OpenJournal, database_url: str, author: Author
) -> None:
    together = Barrier(NODES)
    reader = open_journal(database_url)

    def be_a_node(node: int) -> list[tuple[Outcome, int]]:
        """Write; return each new outcome with the revision that its user had when the commit had returned."""
        store = open_journal(database_url)
        seen: list[tuple[Outcome, int]] = []
        together.wait(timeout=TIMEOUT_S)
        for number in range(BATCHES):
            users = USERS if node % 2 else USERS[::-1]
            batch = [author.add(f"film {number} of {node}", user=user, device=f"tv {node}") for user in users]
            batch += [author.remove(f"film {number} of {(node + 1) % NODES}", user=user) for user in users]
            outcomes = store.commit(batch)
            heads = {head.line: head.revision for head in store.heads(USERS)}
            seen += [(outcome, heads[outcome.update.line]) for outcome in outcomes if outcome.update]
        return seen

    with ThreadPoolExecutor(NODES) as nodes:
        written = [seen for node in nodes.map(be_a_node, range(NODES)) for seen in node]

    answered: dict[str, list[Update]] = {user: [] for user in USERS}
    for outcome, head in written:
        assert outcome.update is not None
        assert outcome.update.revision <= head
        answered[outcome.update.line].append(outcome.update)
    for user, answers in answered.items():
        read = updates(reader, user=user)
        assert read == sorted(shown(answers), key=lambda update: update.revision or 0)
        assert [update.revision for update in read] == list(range(1, len(read) + 1))
        tags = [update.unique_tag for update in read if update.action == "add"]
        assert len(set(tags)) == NODES * BATCHES


def test_a_change_of_a_list_that_is_not_there_gets_one_answer_on_whichever_nodes_it_comes_at_once(
    open_journal: OpenJournal, database_url: str, author: Author
) -> None:
    stores = [open_journal(database_url) for _ in range(NODES)]
    stores[0].commit([author.add("alien")])
    together = Barrier(NODES)
    line = line_of(author.user_id, collection_of_list("kids"))

    def be_a_node(store: SqlJournalStore) -> list[Outcome]:
        answers: list[Outcome] = []
        try:
            for number in range(40):
                together.wait(timeout=TIMEOUT_S)
                answers += store.commit([author.remove("alien", operation_id=f"remove {number}", user=line)])
        except BaseException:
            together.abort()
            raise
        return answers

    with ThreadPoolExecutor(NODES) as nodes:
        answered = list(nodes.map(be_a_node, stores))
    assert [{answer.status for answer in answers} for answers in answered] == [{Status.NOT_FOUND}] * NODES


def test_a_reader_never_sees_a_revision_before_its_predecessors(
    open_journal: OpenJournal, database_url: str, author: Author
) -> None:
    together = Barrier(3)
    writers = [open_journal(database_url) for _ in range(2)]

    def write(store: SqlJournalStore) -> None:
        together.wait(timeout=TIMEOUT_S)
        for number in range(40):
            store.commit([author.add(f"film {number}"), author.add("alien")])

    def read() -> list[list[int | None]]:
        store = open_journal(database_url)
        together.wait(timeout=TIMEOUT_S)
        steps: list[list[int | None]] = []
        revision = 0
        while revision < 160:
            step = updates(store, revision)
            snapshot = whole_list(store)
            assert max((item.added_revision for item in snapshot.items), default=0) == snapshot.revision
            steps.append([update.revision for update in step])
            revision += len(step)
        return steps

    with ThreadPoolExecutor(3) as threads:
        reading = threads.submit(read)
        for writing in [threads.submit(write, store) for store in writers]:
            writing.result(timeout=TIMEOUT_S)
        assert [revision for step in reading.result(timeout=TIMEOUT_S) for revision in step] == list(range(1, 161))


def test_heads_are_locked_in_one_order_however_their_rows_lie(
    open_journal: OpenJournal, postgresql_url: str, author: Author
) -> None:
    """Who waits for one of them holds none behind it, or two nodes could wait for each other."""
    journal = open_journal(postgresql_url)
    for user in ("bob", "ann"):
        journal.commit([author.add("alien", user=user)])
    watched, held = (psycopg.connect(postgresql_url, autocommit=auto) for auto in (True, False))
    with watched as watcher, held as other, ThreadPoolExecutor(1) as thread:
        other.execute("SELECT * FROM heads WHERE user_id = 'ann' FOR UPDATE")
        writing = thread.submit(journal.commit, [author.add("brazil", user=user) for user in ("bob", "ann")])
        while not watcher.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall():
            pass
        free = watcher.execute("SELECT user_id FROM heads ORDER BY user_id FOR UPDATE SKIP LOCKED").fetchall()
        other.commit()
        assert [outcome.revision for outcome in writing.result(timeout=TIMEOUT_S)] == [2, 2]
    assert free == [("bob",)]
