"""The scenarios that every client must pass, through both clients' drivers (clients/conformance/README.md)."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from syncd_client import SqliteStore

from clients.conformance import run as runner
from clients.conformance.drivers.python import PythonDriver
from simulation.devices.javascript_process import is_node_there

CONFORMANCE = Path(__file__).parents[2] / "clients" / "conformance"
FILE = json.loads((CONFORMANCE / "scenarios.json").read_text())
JAVASCRIPT = ("node", str(CONFORMANCE / "drivers" / "javascript.mjs"))


all_scenarios = pytest.mark.parametrize("scenario", FILE["scenarios"], ids=lambda scenario: scenario["name"])


def passes(driver: runner.Driver, scenario: dict[str, Any]) -> None:
    runner.run(driver, scenario, FILE["names"])


@all_scenarios
def test_the_python_client_passes(scenario: dict[str, Any]) -> None:
    passes(PythonDriver(), scenario)


@all_scenarios
def test_the_python_client_passes_with_a_file(scenario: dict[str, Any], tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / f"{number}.db") for number in range(2)]
    unused = iter(stores)
    passes(PythonDriver(lambda: next(unused)), scenario)
    stores[-1].close()


@pytest.fixture(scope="module")
def javascript() -> Iterator[runner.Driver]:
    """The JavaScript client's driver, as a program: started once, as ``run.py --exec`` does."""
    if not is_node_there():
        pytest.skip("Node is not installed: the JavaScript client is not tested")
    with runner.StartedDriver(JAVASCRIPT) as driver:
        yield driver


@pytest.mark.integration
@all_scenarios
def test_the_javascript_client_passes(scenario: dict[str, Any], javascript: runner.Driver) -> None:
    passes(javascript, scenario)


def test_every_scenario_has_a_name_of_its_own() -> None:
    names = [scenario["name"] for scenario in FILE["scenarios"]]
    assert len(names) == len(set(names))


def test_the_file_is_of_its_schema() -> None:
    schema = json.loads((CONFORMANCE / "scenarios.schema.json").read_text())
    assert [str(error) for error in jsonschema_rs.validator_for(schema).iter_errors(FILE)] == []


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ({"expect_state": "live"}, 'step 2, {"expect_state": "live"}: the state: "token", expected "live"'),
        ({"expect_list": ["a"]}, "the list: [], expected"),
        ({"expect_event": {"type": "refused"}}, "there was no event 'refused'"),
        ({"expect_event": {"type": "updated", "code": 1}}, "code of the event"),
        ({"expect_reconnect": {"in_ms": 1}}, "whether the timer reconnect runs: false, expected true"),
        ({"expect_url": "/ws"}, 'what was opened: [], expected ["/ws"]'),
        ({"expect_sent": [{}]}, "sent were []"),
        ({"app": {"add": "no id"}}, "the call has raised"),
        ({"app": {"sign_in": "alice"}, "raises": True}, "it does not raise"),
        ({"open": True, "nonsense": 1}, None),
        ({"advice": 1}, "nobody knows the step 'advice'"),
    ],
)
def test_a_client_that_does_something_else_is_told_at_which_step(step: dict[str, Any], complaint: str | None) -> None:
    steps = [{"app": {"sign_in": "alice"}}, step]
    if complaint is None:
        passes(PythonDriver(), {"name": "fine", "steps": steps})
        return
    with pytest.raises(runner.ScenarioError) as raised:
        passes(PythonDriver(), {"name": "broken", "steps": steps})
    assert complaint in str(raised.value)


def test_a_failure_tells_what_the_core_has_put_out_and_where_it_stands() -> None:
    steps: list[dict[str, Any]] = [{"app": {"sign_in": "alice"}}, {"advance": 20_000}, {"expect_token": True}]
    with pytest.raises(runner.ScenarioError) as raised:
        passes(PythonDriver(), {"name": "broken", "steps": steps})
    complaint, due, state = str(raised.value).splitlines()
    assert complaint.startswith("step 3, ")
    assert due.startswith('  {"due": "token"} put out [{"type": "close"}')
    assert state == '  the state is "waiting"'


@pytest.mark.parametrize(
    "output",
    [
        {"type": "open", "transport": "websocket", "url": "/ws", "token": "t1"},
        {"type": "probe", "target": "/ws"},
        {"type": "emit", "event": "updated"},
        {"type": "start_timer", "timer": "silence"},
        {"type": "connect"},
    ],
    ids=lambda output: output["type"],
)
def test_an_output_that_lacks_something_is_shown_with_its_scenario_and_step(output: dict[str, Any]) -> None:
    class Wrong:
        def ask(self, question: dict[str, Any]) -> dict[str, Any]:
            return {"outputs": [output]} if "input" in question else {}

    scenario = {"name": "any", "steps": [{"app": "connect"}]}
    with pytest.raises(runner.DriverError) as raised:
        list(runner.failures(Wrong(), [scenario], {}))
    assert str(raised.value).startswith('any: step 1, {"app": "connect"}: an output that nobody knows, or that lacks')
    assert str(raised.value).endswith(json.dumps(output))


@pytest.mark.integration
def test_a_driver_that_keeps_its_answer_is_given_up() -> None:
    program = "import sys; answers = [line for line in sys.stdin]"
    with (
        pytest.raises(runner.DriverError, match="does it flush its output"),
        runner.StartedDriver((sys.executable, "-c", program), answer_s=0.2) as driver,
    ):
        driver.ask({"scenario": "x"})


def test_what_nobody_expects_to_be_sent_fails() -> None:
    names = FILE["names"]
    steps = [{"app": {"sign_in": "alice"}}, {"token": "$TOKEN"}, {"open": True}, {"server": "$EMPTY"}]
    scenario = {"name": "sends", "steps": [*steps, {"app": {"add": "$A"}}]}
    with pytest.raises(runner.ScenarioError, match="sent, and not expected"):
        runner.run(PythonDriver(), scenario, names)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("import sys; print('hello', flush=True)", 2, "the driver wrote no JSON object: hello"),
        ("pass", 2, "the driver has ended"),
        ("import sys\nfor _ in sys.stdin: print('{}', flush=True)", 2, 'step 1, {"expect_state": "signed_out"}:'),
        ("input(); print('{}', flush=True)", 2, "a first connect asks for a token and for everything: step 1"),
        ('import sys\nfor _ in sys.stdin: print(\'{"state": "live"}\', flush=True)', 1, 'the state: "live", expected'),
    ],
)
def test_a_driver_that_is_none_is_told(
    program: str, status: int, said: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "driver.py"
    file.write_text(program)
    assert runner.main(["--exec", f"{sys.executable} {file}", "--only", "a first connect"]) == status
    assert said in "".join(capfd.readouterr())


def test_a_name_that_no_scenario_has_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--exec", "true", "--only", "of nobody"]) == 2
    assert capsys.readouterr().err == "no scenario has 'of nobody' in its name\n"


@pytest.mark.integration
def test_the_command_runs_a_client_of_any_language(capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    assert runner.main(["--exec", " ".join(JAVASCRIPT), "--only", "gap"]) == 0
    assert "0 failed" in capsys.readouterr().out
