"""The dashboard, the alerts and their runbooks tell of metrics that the running daemon really exposes."""

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.conftest import DEPLOY, ROOT, SECRET
from tests.timeouts import TIMEOUT_S
from transport.access.minting import mint

pytestmark = pytest.mark.integration

ONLY_AFTER_AN_ACCIDENT = {
    "syncd_connections_closed_total",
    "syncd_messages_refused_total",
    "syncd_actor_restarts_total",
    "syncd_actor_messages_skipped_total",
}
"""Their labels come with the first event."""

DASHBOARD = json.loads((DEPLOY / "grafana" / "syncd.json").read_text())
ALERTS = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def metrics_in(text: str) -> set[str]:
    """Return the metrics that a query or a page names; a histogram by its family's name."""
    names = re.findall(r"\b(?:syncd|process)_\w+", text)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def rows() -> dict[str, list[dict[str, Any]]]:
    """Return the dashboard's panels by the title of their row."""
    panels_of: dict[str, list[dict[str, Any]]] = {}
    title = ""
    for panel in DASHBOARD["panels"]:
        if panel["type"] == "row":
            title = panel["title"]
        else:
            panels_of.setdefault(title, []).append(panel)
    return panels_of


def queries(panels: list[dict[str, Any]]) -> list[str]:
    return [target["expr"] for panel in panels for target in panel["targets"]]


def every_query() -> list[str]:
    return [query for panels in rows().values() for query in queries(panels)]


@pytest.fixture(scope="module")
def exposed(node: str) -> set[str]:
    """Metrics of the running daemon, as queries name them."""
    with urllib.request.urlopen(f"{node}/metrics", timeout=TIMEOUT_S) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {family.name + ("_total" if family.type == "counter" else "") for family in families}


def test_every_panel_and_alert_asks_for_metrics_that_exist(exposed: set[str]) -> None:
    expressions = every_query() + [alert["expr"] for alert in ALERTS]
    assert len(expressions) > 30
    for expression in expressions:
        assert metrics_in(expression) <= exposed, expression


def test_every_metric_is_explained_to_the_operator_and_no_other(exposed: set[str]) -> None:
    documented = set(re.findall(r"^\| `(\w+)", OPERATIONS, re.MULTILINE))
    assert {name for name in documented if name.startswith(("syncd_", "process_"))} == exposed


def test_every_alert_has_a_severity_a_summary_and_a_runbook() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert len(set(names)) == len(names)
    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"]["summary"].endswith(".")
        assert alert["annotations"]["runbook"] == f"docs/operations.md#{alert['alert'].lower()}"
        assert f"\n### {alert['alert']}\n" in OPERATIONS


def test_runbooks_are_of_alerts_that_exist() -> None:
    assert set(re.findall(r"^### (Syncd\w+)$", OPERATIONS, re.MULTILINE)) == {alert["alert"] for alert in ALERTS}


def test_every_panel_explains_itself_and_asks_the_chosen_data_source() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panels in rows().values():
        for panel in panels:
            assert panel["description"].endswith("."), panel["title"]
            for asker in (panel, *panel["targets"]):
                assert asker["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_panels_do_not_cover_each_other() -> None:
    for one, other in combinations((panel["gridPos"] for panel in DASHBOARD["panels"]), 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        ), (one, other)


def test_alerts_fire_when_they_should_and_sleep_when_they_should(tool: Callable[[str], str]) -> None:
    done = subprocess.run(
        [tool("promtool"), "test", "rules", "alerts.test.yaml"],
        cwd=DEPLOY / "prometheus",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Prometheus:
    """A real Prometheus that has seen ``node`` twice."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an API call that succeeded."""
        with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}") as answer:
            return json.load(answer)["data"]

    def vector(self, query: str) -> list[Any]:
        """Return the samples that a dashboard's query finds now."""
        query = query.replace("$__rate_interval", "1m").replace("$instance", ".*")
        result: list[Any] = self.get("query", query=query)["result"]
        return result


@pytest.fixture(scope="module")
def prometheus(node: str, tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Scrapes the daemon every second, with our alerts, after one write."""
    program = tool("prometheus")
    _write_once(node)
    directory = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / "prometheus" / "alerts.yaml")]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [node.removeprefix("http://")]}]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        program,
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/data",
        "--web.listen-address=127.0.0.1:0",
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    with process:
        try:
            running = Prometheus(_wait_for_address(directory / "log", process))
            _wait(lambda: running.vector("count_over_time(syncd_writes_total[1m]) > 1"), process)
            yield running
        finally:
            process.terminate()


def _write_once(node: str) -> None:
    body = {"operation": "add", "content_id": "0b0e6a4e-52a5-4a5b-9a1f-000000000001"}
    headers = {"Authorization": f"Bearer {mint(SECRET, 'ann', 'phone', 60)}"}
    request = urllib.request.Request(f"{node}/api/v1/sync/watchlist", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        assert answer.status == 200


def _wait_for_address(log: Path, process: subprocess.Popen[bytes]) -> str:
    ready = re.compile(r'msg="Listening on" address=(\S+).*msg="Server is ready to receive web requests', re.DOTALL)
    (address,) = _wait(lambda: ready.findall(log.read_text()), process)
    return f"http://{address}"


def _wait(look: Callable[[], list[Any]], process: subprocess.Popen[bytes]) -> list[Any]:
    """Return the first true answer of ``look``; only from outside can Prometheus' progress be seen."""
    ends_s = time.monotonic() + TIMEOUT_S
    while not (found := look()):
        assert process.poll() is None, "Prometheus ended"
        assert time.monotonic() < ends_s, "Prometheus did not get there in time"
        time.sleep(0.1)
    return found


def test_prometheus_reads_what_the_daemon_exposes(prometheus: Prometheus) -> None:
    (target,) = prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_prometheus_answers_every_panel_with_data(prometheus: Prometheus) -> None:
    for query in every_query():
        assert prometheus.vector(query) or metrics_in(query) & ONLY_AFTER_AN_ACCIDENT, query


def test_no_alert_wakes_anybody_for_a_healthy_node(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(ALERTS)
    for rule in rules:
        assert rule["state"] == "inactive", rule
        assert rule["health"] in {"ok", "unknown"}, rule  # unknown: not evaluated yet
