"""The Python and the JavaScript core do the same, output by output, on thousands of random scripts."""

import json
from pathlib import Path
from random import Random

import pytest
from syncd_client.core import reports
from syncd_client.data.device_registers import DeviceRegisters
from syncd_client.data.progress_registers import ProgressRegisters

from simulation.devices import javascript_core
from tests.clients.lock_step import START_MS, DifferenceError, Pair, Step
from tests.clients.scripts import Script
from tests.simulation.javascript import NEEDS_NODE

SCRIPTS = 400
"""In each test."""

SAMPLES = Path(__file__).parents[1] / "wire_samples" / "to-device"

START_S = START_MS // 1000

pytestmark = [*NEEDS_NODE]


@pytest.mark.parametrize("first", range(0, 4 * SCRIPTS, SCRIPTS))
def test_both_cores_do_the_same_at_every_step_of_random_scripts(first: int) -> None:
    run_scripts(range(first, first + SCRIPTS))


@pytest.mark.parametrize(
    "javascript",
    [
        "MAX_IN_FLIGHT = 63;",
        "MAX_TAGS = 3;",
        "RETRY_MS = 999;",
        "ANSWER_MS = 19_999;",
        "URGENT_MS = 4_001;",
        "FOLLOW_MS = 51;",
        "NEW_LIST = { ...NEW_LIST, revision: 1 };",
        "SLEPT_MS = 10_000_000;",
        "FAILURES = 3;",
        "FIRST_PROBE_MS = 59_999;",
        "Transports.prototype.messageCame = () => {};",
        "Tokens.prototype.spend = () => {};",
        "WriteQueue.prototype.releaseAll = () => {};",
        "SnapshotPieces.prototype.keepOnly = () => {};",
        "compareCodePoints = (a, b) => (a < b ? -1 : Number(a > b));",
        "compareTimestamps = (a, b) => compareReadings(a, b);",
    ],
)
def test_a_difference_is_found(javascript: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(javascript_core, "added_javascript", javascript)
    with pytest.raises(AssertionError) as found:
        run_scripts(range(SCRIPTS))
    assert isinstance(found.value.__cause__, DifferenceError)


@pytest.mark.parametrize(
    ("broken", "name", "value"),
    [
        (reports, "REPORT_MS", 9_999),
        (ProgressRegisters, "merges_updates", False),
        (ProgressRegisters, "unsaid", {}),
        (ProgressRegisters, "let_go", lambda *_: None),
        (DeviceRegisters, "end_hints", lambda _: None),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_difference_about_registers_is_found(
    broken: object, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broken, name, value)
    with pytest.raises(AssertionError) as found:
        run_scripts(range(SCRIPTS))
    assert isinstance(found.value.__cause__, DifferenceError)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda sample: sample.stem)
def test_both_cores_take_what_the_service_has_ever_sent(sample: Path) -> None:
    pair = Pair()
    for step in ({"app": {"sign_in": "alice"}}, {"token": {"value": "A"}}, {"open": True}):
        pair.run(step)
    pair.run({"server": sample.read_text()})


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "mallory", "exp": "soon"},
        {"sub": 7, "exp": START_S + 600},
        {"sub": None, "exp": None},
        {"sub": "mallory", "exp": True},
        {"exp": START_S + 600.1234},
        {"exp": START_S + 600.0005},
        {"exp": -1.5},
        ["mallory"],
        None,
    ],
    ids=str,
)
def test_both_clients_read_the_same_in_a_token(claims: object) -> None:
    pair = Pair()
    pair.run({"app": {"sign_in": "alice"}})
    pair.run({"token": claims})


def run_scripts(seeds: range) -> None:
    for seed in seeds:
        run_script(seed)


def run_script(seed: int) -> None:
    """Run the script of ``seed``; where the cores differ, its steps are the message."""
    pair = Pair()
    script = Script(Random(seed), pair)
    done: list[Step] = []
    try:
        for _ in range(script.steps):
            done.append(script.next_step())
            pair.run(done[-1])
    except Exception as error:
        steps = "\n".join(f"   {json.dumps(step)}," for step in done)
        raise AssertionError(f"script {seed}:\n{steps}\n{error}") from error
