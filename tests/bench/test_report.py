"""The table of ``make bench``: what a target is held to, and what stands where something was not measured."""

from bench.report import as_json, as_text
from bench.scenario import Figure, Result, Sample, Scenario, Target, results
from bench.servers import Checkout

RATE, CPU, CHILDREN = "POSTs per second", "CPU of a POST, µs", "both children, MB"


def nothing(_: Checkout) -> Sample:
    return {}


SCENARIO = Scenario(
    title="POST",
    under_way="32 POSTs",
    figures=(
        Figure(RATE, (Target("≥", 0.5, "empty POST"),)),
        Figure(CPU, (Target("≤", 3, "nchan"),)),
        Figure(CHILDREN),
    ),
    measure=nothing,
)
OURS: list[Sample] = [{RATE: 40.0, CPU: 9.0}, {RATE: 60.0, CPU: 8.0}, {RATE: 5_000.0, CPU: 7.0}]


def found(**peers: list[Sample]) -> dict[str, Result]:
    return {result.figure.name: result for result in results(SCENARIO, OURS, peers)}


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
    text = as_text(SCENARIO, ["nchan"], [*result.values()])
    assert "≥ 0.5x empty POST not measured" in text
    assert "≤ 3x nchan ok" in text


def test_the_table_says_how_many_changes_are_under_way_and_so_does_the_file() -> None:
    listed = [*found().values()]
    assert "under way: 32 POSTs" in as_text(SCENARIO, [], listed)
    assert {line["under_way"] for line in as_json("writes", SCENARIO, listed)} == {"32 POSTs"}


def test_a_figure_that_the_daemon_does_not_have_is_left_out() -> None:
    assert CHILDREN not in found(before=[{CHILDREN: 90.0}])
