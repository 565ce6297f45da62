"""What the files of deploy/ promise: the same settings, users, ports and time-outs as the daemon's."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

from syncd.settings import Settings
from tests.daemon import StartDaemon
from tests.deploy.conftest import DEPLOY, ROOT
from tests.fakes.authority import write_certificate
from tests.sockets import free_port
from tests.timeouts import TIMEOUT_S
from transport.apidocs.openapi import openapi_document

SHUTDOWN_S = Settings().shutdown_timeout
UNIX_USER = 10001
KUBERNETES = DEPLOY / "kubernetes"


def load(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def settings_named_in(text: str) -> set[str]:
    """Return the settings that environment variables in ``text`` stand for."""
    return {name.lower() for name in re.findall(r"\bSYNCD_([A-Z_]+)\b", text)}


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = load("kubernetes/deployment.yaml")["spec"]["template"]["spec"]
    return spec


def container() -> dict[str, Any]:
    (only,) = pod()["containers"]
    return dict(only)


# Every file


def test_every_setting_that_a_file_uses_exists() -> None:
    files = [path for path in DEPLOY.rglob("*") if path.is_file()] + [ROOT / "docs" / "operations.md"]
    used = {name: path for path in files for name in settings_named_in(path.read_text())}
    assert {"bus", "database_url", "jwt_secret"} <= used.keys()
    assert used.keys() <= set(Settings.__struct_fields__), used


def test_the_embedded_port_is_the_default_everywhere() -> None:
    port = Settings().port
    assert f"EXPOSE {port}\n" in (DEPLOY / "Dockerfile").read_text()
    assert container()["ports"] == [{"name": "http", "containerPort": port}]
    assert load("kubernetes/service.yaml")["spec"]["ports"] == [{"name": "http", "port": port, "targetPort": "http"}]


# Image


def test_the_image_is_built_from_the_sources_of_the_wheels_and_nothing_else() -> None:
    sources = {"requirements.lock"}
    for project in ("", "clients/python/"):
        wheel = tomllib.loads((ROOT / project / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
            "wheel"
        ]
        files = (*wheel["packages"], *wheel.get("force-include", ()), "pyproject.toml", "README.md", "LICENSE")
        sources |= {f"{project}{file}" for file in files}
    assert f"--no-deps ./{project.rstrip('/')} . " in (DEPLOY / "Dockerfile").read_text()
    everything, *lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"]
    assert everything == "*"
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert let_through == sources
    assert all((ROOT / path).exists() for path in let_through)


def test_the_image_runs_without_privileges_and_can_be_asked_for_its_health() -> None:
    _, _, last_stage = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")
    assert f"\nUSER {UNIX_USER}:{UNIX_USER}\n" in last_stage
    assert "\nHEALTHCHECK " in last_stage
    assert "/health" in last_stage
    assert '\nENTRYPOINT ["syncd"]\n' in last_stage
    assert "\nSTOPSIGNAL SIGTERM\n" in last_stage


def is_healthy(**environment: str) -> bool:
    """Run the image's health check there."""
    (command,) = re.findall(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    _, *arguments = json.loads(command)
    return subprocess.run([sys.executable, *arguments], env=environment, timeout=TIMEOUT_S).returncode == 0


def test_the_image_s_health_check_tells_a_node_from_none_whatever_proxy_others_are_reached_by(node: str) -> None:
    closed_port = str(free_port())
    port = node.rpartition(":")[2]
    assert is_healthy(SYNCD_PORT=port)
    assert is_healthy(SYNCD_PORT=port, http_proxy=f"http://127.0.0.1:{closed_port}")
    assert not is_healthy(SYNCD_PORT=closed_port)


def test_the_image_s_health_check_takes_what_is_empty_for_not_set_as_the_daemon_does(node: str) -> None:
    assert is_healthy(SYNCD_PORT=f" {node.rpartition(':')[2]} ", SYNCD_TLS_CERTIFICATE_FILE="")


def test_the_image_s_health_check_speaks_tls_where_it_is_served(start_daemon: StartDaemon, tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    write_certificate(certificate, key, "sync.example.com")
    port = str(start_daemon("--tls-certificate-file", str(certificate), "--tls-key-file", str(key)).port)
    assert is_healthy(SYNCD_PORT=port, SYNCD_TLS_CERTIFICATE_FILE=str(certificate))


# Cluster on one machine


def test_the_cluster_has_three_nodes_that_are_scraped() -> None:
    nodes = {name for name in load("compose.yaml")["services"] if name.startswith("syncd-")}
    assert len(nodes) == 3
    (job,) = load("prometheus/prometheus.yml")["scrape_configs"]
    assert job["job_name"] == "syncd"
    assert job["static_configs"] == [{"targets": [f"{name}:{Settings().port}" for name in sorted(nodes)]}]


def test_the_cluster_listens_on_loopback_only_and_may_little() -> None:
    for name, service in load("compose.yaml")["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if name.startswith("syncd-"):
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]
            assert int(service["stop_grace_period"].removesuffix("s")) > SHUTDOWN_S


def test_the_cluster_has_no_secret_in_a_file_and_names_each_that_it_needs() -> None:
    compose = (DEPLOY / "compose.yaml").read_text()
    needed = set(re.findall(r"\$\{(\w+)", compose))
    assert needed == set(re.findall(r"^(\w+)=$", (DEPLOY / ".env.example").read_text(), re.MULTILINE))
    assert len(re.findall(r"\$\{\w+:\?", compose)) == len(re.findall(r"\$\{", compose)), "an empty one must be refused"
    assert ".env" in (DEPLOY / ".gitignore").read_text().splitlines()


def test_every_file_that_the_cluster_mounts_exists() -> None:
    mounted = [
        volume.split(":")[0]
        for service in load("compose.yaml")["services"].values()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    ]
    assert len(mounted) >= 4
    for path in mounted:
        assert (DEPLOY / path).exists(), path


# systemd


def unit() -> dict[str, list[str]]:
    """Return the unit's directives, sections aside."""
    directives: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / "syncd.service").read_text().splitlines():
        name, is_directive, value = line.partition("=")
        if is_directive and not line.startswith("#"):
            directives.setdefault(name, []).append(value)
    return directives


def test_the_unit_starts_the_daemon_with_flags_that_exist() -> None:
    (command,) = unit()["ExecStart"]
    flags = re.findall(r"--([a-z-]+)", command)
    assert flags
    assert {flag.replace("-", "_") for flag in flags} <= {*Settings.__struct_fields__, "config"}


def test_the_unit_waits_for_the_drain() -> None:
    assert unit()["Type"] == ["notify"]
    assert int(unit()["TimeoutStopSec"][0]) > SHUTDOWN_S
    assert int(unit()["WatchdogSec"][0]) > SHUTDOWN_S


def test_the_unit_may_write_its_state_and_nothing_else() -> None:
    assert unit()["ProtectSystem"] == ["strict"]
    assert unit()["StateDirectory"] == ["syncd"]
    assert unit()["DynamicUser"] == unit()["NoNewPrivileges"] == ["yes"]
    assert unit()["CapabilityBoundingSet"] == [""]


# Kubernetes


def test_a_pod_stops_after_the_endpoints_forgot_it_and_with_time_to_drain() -> None:
    _, wait_s = container()["lifecycle"]["preStop"]["exec"]["command"]
    assert pod()["terminationGracePeriodSeconds"] >= int(wait_s) + SHUTDOWN_S + 10


def test_a_pod_is_ready_by_its_database_and_alive_by_itself() -> None:
    paths = {probe: container()[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/health", "readiness": "/ready", "liveness": "/health"}


def test_a_pod_runs_without_privileges_on_a_read_only_file_system() -> None:
    assert pod()["securityContext"]["runAsNonRoot"]
    assert pod()["securityContext"]["runAsUser"] == UNIX_USER
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod()["automountServiceAccountToken"]


def test_a_service_named_syncd_does_not_set_our_port() -> None:
    assert load("kubernetes/service.yaml")["metadata"]["name"] == "syncd"
    assert pod()["enableServiceLinks"] is False


def test_all_objects_mean_the_same_pods_and_are_applied() -> None:
    labels = load("kubernetes/deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    assert load("kubernetes/deployment.yaml")["spec"]["selector"] == {"matchLabels": labels}
    assert load("kubernetes/disruption-budget.yaml")["spec"]["selector"] == {"matchLabels": labels}
    assert load("kubernetes/service.yaml")["spec"]["selector"] == labels
    listed = load("kubernetes/kustomization.yaml")["resources"]
    assert sorted(listed) == sorted(path.name for path in KUBERNETES.iterdir() if path.name != "kustomization.yaml")


def test_the_documented_secret_has_every_key_that_a_pod_reads() -> None:
    keys = {entry["valueFrom"]["secretKeyRef"]["key"] for entry in container()["env"] if "valueFrom" in entry}
    documented = re.findall(r"--from-literal=([a-z-]+)=", (ROOT / "docs" / "operations.md").read_text())
    assert keys == set(documented)


def test_the_public_reaches_what_devices_need_and_not_the_figures() -> None:
    (rule,) = load("kubernetes/ingress.yaml")["spec"]["rules"]
    routed = [path["path"] for path in rule["http"]["paths"]]
    assert [path["pathType"] for path in rule["http"]["paths"]] == ["Exact", "Prefix", "Prefix"]
    assert routed[0] == "/ws"
    for path, methods in openapi_document("0")["paths"].items():
        (tag,) = {tag for method in methods.values() for tag in method["tags"]}
        is_routed = any(path == prefix or path.startswith(f"{prefix}/") for prefix in routed[1:])
        assert is_routed == (tag not in ("admin", "operations")), path


def test_the_documented_routes_are_those_of_the_ingress() -> None:
    (rule,) = load("kubernetes/ingress.yaml")["spec"]["rules"]
    (said,) = re.findall(r"^- Route (.*), alone and with", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    routed = [path["path"] for path in rule["http"]["paths"]]
    assert [path.rstrip("/") for path in re.findall(r"`([^`]+)`", said)] == routed
