"""The Helm chart: what it makes is what the manifests say, of settings that the daemon has and understands."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from syncd import setting_sources
from syncd.checks.secret_settings import SECRETS
from syncd.settings import Settings
from tests.deploy.conftest import DEPLOY, ROOT

pytestmark = pytest.mark.integration

CHART = DEPLOY / "helm" / "syncd"
EVERYTHING = ("--values", str(CHART / "ci" / "everything-values.yaml"))
OF_THE_POD = {"host", "port", "unix_socket", "tls_certificate_file", "tls_key_file", "data_dir"}
"""Settings that are as the image and the manifests have them."""
HELMS_OWN = {"app.kubernetes.io/instance", "serviceAccountName", "imagePullPolicy"}


def rendered(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("helm") or str(ROOT / ".venv" / "deploy" / "bin" / "helm")
    if not Path(program).exists():
        pytest.skip("helm is not installed; make lint-deploy does that")
    return subprocess.run([program, "template", "syncd", CHART, *arguments], capture_output=True, text=True)


def objects(*arguments: str) -> dict[str, Any]:
    """Return the objects that the chart makes, by their kinds."""
    done = rendered(*arguments)
    assert done.returncode == 0, done.stderr
    return {each["kind"]: each for each in yaml.safe_load_all(done.stdout)}


def alike(value: Any) -> Any:
    """Return a part of an object without what the chart adds; it lists variables in another order."""
    if isinstance(value, dict):
        parts = {name: alike(part) for name, part in value.items() if name not in HELMS_OWN}
        return parts | ({"env": sorted(parts["env"], key=json.dumps)} if "env" in parts else {})
    return [alike(part) for part in value] if isinstance(value, list) else value


def test_the_chart_makes_what_the_manifests_say() -> None:
    made = objects("--set", "ingress.enabled=true,ingress.host=sync.example.com,ingress.tlsSecretName=syncd-tls")
    kustomization = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    (image,) = kustomization["images"]
    for name in kustomization["resources"]:
        said = yaml.safe_load((DEPLOY / "kubernetes" / name).read_text())
        if said["kind"] == "Deployment":
            (container,) = said["spec"]["template"]["spec"]["containers"]
            container["image"] = f"{image['newName']}:{image['newTag']}"
        if said["kind"] == "Service":
            said["spec"]["type"] = "ClusterIP"  # the default
        one = made.pop(said["kind"])
        assert one["metadata"]["name"] == said["metadata"]["name"]
        assert one["metadata"].get("annotations") == said["metadata"].get("annotations")
        assert alike(one["spec"]) == alike(said["spec"])
    assert list(made) == ["ServiceAccount"]


def test_the_chart_takes_the_settings_that_the_daemon_has() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]
    plain, secret = schema["settings"]["properties"], schema["secret"]["properties"]["keys"]["properties"]
    assert plain.keys().isdisjoint(SECRETS)
    assert secret.keys() >= set(SECRETS)
    assert plain.keys() | secret.keys() == set(Settings.__struct_fields__) - OF_THE_POD
    kinds = {bool: "boolean", int: "integer", float: "number", tuple: "array"}
    for name, said in plain.items():
        kind = type(getattr(Settings(), name))
        assert "enum" in said or said["type"] == kinds.get(kind, "string"), name


def test_the_daemon_understands_what_the_chart_says_of_settings() -> None:
    pod = objects(*EVERYTHING)["Deployment"]["spec"]["template"]["spec"]
    environment = {each["name"]: each["value"] for each in pod["containers"][0]["env"] if "value" in each}
    settings = setting_sources.load({}, environment)
    assert settings.max_connections == 1_000_000
    assert settings.jwt_algorithms == ("RS256", "ES256")
    assert (settings.pubnub_tls, settings.jwt_public_key_file) == (False, Path("/etc/syncd/issuer.pem"))
    assert pod["terminationGracePeriodSeconds"] >= 5 + settings.shutdown_timeout + 10


def test_a_migration_has_nothing_but_its_database_and_its_pod_gets_no_requests() -> None:
    made = objects(*EVERYTHING)
    template = made["Job"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["args"] == ["migrate"]
    assert [each["name"] for each in container["env"]] == ["SYNCD_DATABASE_URL"]
    assert not made["Service"]["spec"]["selector"].items() <= template["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("settings.hartbeat_interval=1", "'hartbeat_interval' not allowed"),
        ("settings.jwt_secret=x", "'jwt_secret' not allowed"),
        ("ingress.enabled=true", "/ingress/host"),
        ("secret.keys.jwt_secret=null", "no key for tokens"),
        ("secret.keys.bus=bus", "bus is in settings and in secret.keys"),
    ],
)
def test_values_that_make_no_cluster_are_refused(wrong: str, said: str) -> None:
    done = rendered("--set", wrong)
    assert done.returncode == 1
    assert said in done.stderr
