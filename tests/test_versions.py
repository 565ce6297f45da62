"""The version is one: of the checkout, the wheel, the clients, the image and what the documents name."""

import json
import re
import tomllib
from pathlib import Path

from syncd import __version__

ROOT = Path(__file__).parents[1]


def test_everything_has_the_same_version() -> None:
    for project in (ROOT, ROOT / "clients" / "python"):
        assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["version"] == __version__
    assert json.loads((ROOT / "clients/javascript/package.json").read_text())["version"] == __version__
    assert f"newTag: {__version__}\n" in (ROOT / "deploy/kubernetes/kustomization.yaml").read_text()
    chart = (ROOT / "deploy/helm/syncd/Chart.yaml").read_text()
    assert re.findall(r"^(?:version|appVersion): (.+)$", chart, re.MULTILINE) == [__version__] * 2
    for document in (ROOT / "docs").glob("*.md"):
        wheels = re.findall(r"syncd-(\S+?)-py3", document.read_text())
        assert set(wheels) <= {__version__}, document
