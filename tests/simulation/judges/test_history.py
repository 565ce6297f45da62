"""The page of one user: only what concerns the user, in the order of time, a column for each who takes part."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from simulation.clock.event_log import Event
from simulation.clock.wall_clock import START_S
from simulation.judges.history import Commit, page, page_of_nodes, user_of
from simulation.life import Verdict, run_world
from simulation.shape import draw_shape
from tests.simulation.collection_defects import Patch
from tests.simulation.defects import FOUND_AT, let_removes_win, start_on_a_journal_that_has_gone_back
from tests.simulation.renewal import shapes_from

EVENTS: list[Event] = [
    (0.5, "node 0", "runs as 6dc1bc0d"),
    (1.0, "device 1.0", "connects to node 0?snapshot=pieces&since=0"),
    (1.05, "device 1.0", "polls node 0?snapshot=pieces&since=3&poll=25"),
    (1.1, "device 0.0", "add 0007 as aaaaaaaaaaaaaaaa.1"),
    (1.2, "backend", "add 0001 for user-1 as backend.1"),
    (1.3, "backend", "add 0002 for user-0 as backend.2"),
    (1.4, "node 0", "writer CommitBatch 44 bytes"),
    (1.5, "bus", "user-1 revision 1 of 6dc1bc0d"),
    (1.6, "bus", "loses r1 for user-1 to 6dc1bc0d"),
    (1.7, "backend", "backend.1 got 200"),
    (1.8, "backend", "backend.2 got 200"),
    (1.9, "bus", "is silent"),
    (2.0, "node 0", "crashes"),
    (2.1, "!", "device 1.0 of user-1 was shown revision 1 where 2 comes next"),
    (2.2, "backend", "repeats bbbbbbbbbbbbbbbb.4 for user-1"),
    (2.3, "backend", "bbbbbbbbbbbbbbbb.4 got 200"),
    (2.4, "operator", "has disconnected user-1 on 2 of 2 nodes"),
    (2.5, "operator", "has disconnected user-0 on 2 of 2 nodes"),
    (2.6, "operator", "has revoked device 0.0/1 on 2 nodes"),
    (2.7, "operator", "has renewed the epoch"),
]
VIOLATIONS = ["device 1.0 of user-1 was shown revision 1 where 2 comes next", "user-0: something else"]
COMMITS = [Commit(int((START_S + 1.4) * 1000), 1, "watchlist.add", f"{1:036}", "backend", "backend.1")]


def broken_by(defect: Patch) -> Iterator[Verdict]:
    """Worlds that find ``defect``, which is there: that of the list first."""
    verdicts = (run_world(replace(shape, javascript=0.0)) for shape in shapes_from(FOUND_AT[defect]))
    return (verdict for verdict in verdicts if verdict.violations)


@pytest.fixture
def lines() -> list[str]:
    return page(draw_shape(0), VIOLATIONS, "user-1", EVENTS, COMMITS).splitlines()


def test_it_begins_with_what_is_wrong_about_the_user(lines: list[str]) -> None:
    assert lines[0].startswith("user-1 in the world of seed 0: ")
    assert lines[3] == f"  {VIOLATIONS[0]}"
    assert lines[4] == "  and 1 more that are not about user-1"


def test_it_tells_what_concerns_the_user_in_the_order_of_time(lines: list[str]) -> None:
    told = lines[8:]
    assert told[0].split() == ["seconds", "world", "device", "1.0", "backend", "journal", "bus"]
    assert [" ".join(line.replace("|", " ").split()) for line in told[1:]] == [
        "0.500 node 0 runs as 6dc1bc0d",
        "1.000 connects to node 0 with since=0",
        "1.050 polls node 0 with since=3&poll=25",
        "1.200 add 0001 as backend.1",
        "1.400 > r1 add 0001, backend.1, by node 0",
        "1.500 > takes r1 of node 0",
        "1.600 > loses r1 to node 0",
        "1.700 backend.1 got 200",
        "1.900 bus is silent",
        "2.000 node 0 crashes",
        f"2.100 ! {VIOLATIONS[0]}",
        "2.200 repeats bbbb.4",
        "2.300 bbbb.4 got 200",
        "2.400 operator has disconnected user-1 on 2 of 2 nodes",
        "2.700 operator has renewed the epoch",
    ]


def test_each_speaks_in_a_column_of_its_own(lines: list[str]) -> None:
    names = next(line for line in lines if "seconds" in line)
    crash, got = (next(line for line in lines if words in line) for words in ("node 0 crashes", "backend.1 got 200"))
    assert crash.index("node 0") == names.index("world")
    assert got.index("backend.1") == names.index("backend")
    assert got[names.index("device")] == "|"


def test_without_a_user_it_is_told_what_the_nodes_did_and_what_befell_them() -> None:
    violated = (2.8, "!", "node 0 runs on a database that has gone back in time")
    told = page_of_nodes(draw_shape(0), [violated[2]], [*EVENTS, violated]).splitlines()
    assert told[0].startswith("the nodes in the world of seed 0: ")
    assert told[3] == f"  {violated[2]}"
    assert told[5].split() == ["seconds", "world", "node", "0"]
    assert [" ".join(line.replace("|", " ").split()) for line in told[6:]] == [
        "0.500 runs as 6dc1bc0d",
        "1.400 writer CommitBatch 44 bytes",
        "1.900 bus is silent",
        "2.000 crashes",
        f"2.100 ! {VIOLATIONS[0]}",
        "2.400 operator has disconnected user-1 on 2 of 2 nodes",
        "2.500 operator has disconnected user-0 on 2 of 2 nodes",
        "2.600 operator has revoked device 0.0/1 on 2 nodes",
        "2.700 operator has renewed the epoch",
        f"2.800 ! {violated[2]}",
    ]


@pytest.mark.actors_may_fail
def test_a_world_whose_violation_is_about_no_user_has_a_page_of_its_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    start_on_a_journal_that_has_gone_back(monkeypatch)
    broken = broken_by(start_on_a_journal_that_has_gone_back)
    verdict = next(verdict for verdict in broken if not any(map(user_of, verdict.violations)))
    assert verdict.page.startswith("the nodes in the world of ")
    assert "operator has restored the database" in verdict.page


@pytest.mark.parametrize(
    ("violation", "user_id"),
    [
        ("user-12: revisions have a gap", "user-12"),
        ("after 180 s of calm device 3.1 shows 2 contents", "user-3"),
        ("a timer is left over: <TimerHandle>", None),
    ],
)
def test_a_violation_is_about_the_user_or_the_device_that_it_names(violation: str, user_id: str | None) -> None:
    assert user_of(violation) == user_id


@pytest.mark.actors_may_fail
def test_a_world_that_breaks_the_promise_has_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    let_removes_win(monkeypatch)
    verdict = next(broken_by(let_removes_win))
    (first, *_) = verdict.violations
    assert verdict.page.startswith(f"{user_of(first)} in the world of ")
    assert f"  {first}\n" in verdict.page
    marked = [line for line in verdict.page.splitlines() if " > " in line]
    assert any(" remove " in line and ", by node " in line for line in marked)
    monkeypatch.undo()
    assert not run_world(verdict.shape).page
