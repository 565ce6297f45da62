"""The tables of ``make bench``: what a target is held to, and what stands where something was not measured."""

from collections.abc import Sequence

import pytest

from bench.report import Report
from bench.scenario import LOAD_LIMIT, LOAD_SHARE, Figure, Result, Sample, Scenario, Target, results
from bench.servers import Checkout

RATE, CPU, CHILDREN = "POSTs per second", "CPU of a POST, µs", "both children, MB"
BUSY = LOAD_LIMIT + 0.1


def nothing(_: Checkout) -> Sample:
    return {}


SCENARIO = Scenario(
    title="POST",
    under_way="32 POSTs",
    figures=(
        Figure(RATE, (Target("≥", 0.5, "empty POST"),), load=LOAD_SHARE),
        Figure(CPU, (Target("≤", 3, "nchan"),)),
        Figure(CHILDREN),
    ),
    measure=nothing,
)
OURS: list[Sample] = [{RATE: 40.0, CPU: 9.0}, {RATE: 60.0, CPU: 8.0}, {RATE: 5_000.0, CPU: 7.0}]


def found(**peers: list[Sample]) -> dict[str, Result]:
    return {result.figure.name: result for result in results(SCENARIO, OURS, peers)}


def report_of(found: dict[str, Result], peers: Sequence[str] = (), others_share: float = 0.0) -> Report:
    listed = [*found.values()]
    return Report(name="writes", scenario=SCENARIO, peers=peers, results=listed, runs=3, others_share=others_share)


def verdicts(found: dict[str, Result]) -> dict[str, bool | None]:
    return {name: result.is_met(target) for name, result in found.items() for target in result.figure.targets}


def test_a_ratio_is_that_of_the_medians_to_the_peer_that_the_target_names() -> None:
    peers: dict[str, list[Sample]] = {"empty POST": [{RATE: 100.0}] * 3, "nchan": [{RATE: 9_000.0, CPU: 2.0}] * 3}
    result = found(**peers)
    assert result[RATE].ratio("empty POST") == 0.6
    assert verdicts(result) == {RATE: True, CPU: False}


def test_a_target_whose_peer_is_missing_is_neither_met_nor_missed() -> None:
    result = found(nchan=[{CPU: 4.0}] * 3)
    assert verdicts(result) == {RATE: None, CPU: True}
    text = report_of(result, ["nchan"]).as_text()
    assert "≥ 0.5x empty POST not measured" in text
    assert "≤ 3x nchan ok" in text


@pytest.mark.parametrize(("busy", "verdict"), [(1, True), (2, None)])
def test_a_rate_whose_load_was_the_limit_is_marked_and_held_to_nothing(busy: int, verdict: bool | None) -> None:
    shares = [BUSY] * busy + [0.1] * (3 - busy)
    peers: dict[str, list[Sample]] = {"empty POST": [{RATE: 100.0, CPU: 2.0, LOAD_SHARE: share} for share in shares]}
    result = found(**peers)
    assert verdicts(result)[RATE] is verdict
    report = report_of(result, ["empty POST"])
    for table in (report.as_text(), report.as_markdown("commit c, 2 cores")):
        assert ("100 !" in table) is (verdict is None)
        assert ("! The load itself" in table) is (verdict is None)
        assert "2 !" not in table  # CPU time does not depend on it


def test_the_load_of_one_peer_says_nothing_of_another() -> None:
    peers: dict[str, list[Sample]] = {"nchan": [{RATE: 9.0, LOAD_SHARE: BUSY}], "empty POST": [{RATE: 100.0}]}
    assert found(**peers)[RATE].limited_by_load == {"nchan"}
    assert verdicts(found(**peers))[RATE] is True


def test_a_table_says_how_many_changes_are_under_way_and_which_command_makes_it() -> None:
    report = report_of(found())
    for table in (report.as_text(), report.as_markdown("commit c, 2 cores")):
        assert "under way: 32 POSTs" in table
        assert ".venv/bin/python -m bench --only writes" in table
    assert "commit c, 2 cores" in report.as_markdown("commit c, 2 cores")
    assert {line["under_way"] for line in report.as_json()} == {"32 POSTs"}


def test_a_documents_table_has_the_median_the_lowest_and_the_highest_run_and_the_verdict() -> None:
    table = report_of(found(**{"empty POST": [{RATE: 200.0}]}), ["empty POST"]).as_markdown("commit c, 2 cores")
    assert f"| {RATE} | 60 | 40 to 5,000 | 200 | ≥ 0.5x empty POST: 0.30, missed |" in table


@pytest.mark.parametrize(("share", "is_said"), [(0.05, False), (1.75, True)])
def test_other_work_beside_a_measurement_is_said(share: float, is_said: bool) -> None:
    report = report_of(found(), others_share=share)
    for table in (report.as_text(), report.as_markdown("commit c, 2 cores")):
        assert (f"Other work used {share:.2f} of a core" in table) is is_said


def test_a_figure_that_the_daemon_does_not_have_is_left_out() -> None:
    assert CHILDREN not in found(before=[{CHILDREN: 90.0}])
