"""What ``syncd check`` says, as a test asks for it."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from syncd.checks.results import CheckResult
from tests.daemon import ROOT
from tests.timeouts import TIMEOUT_S


class Report:
    """What one run of ``syncd check --json`` said."""

    def __init__(self, *flags: str, limits: Callable[[], None] | None = None, **environment: str) -> None:
        self.done = subprocess.run(
            [sys.executable, "-m", "syncd", "check", "--json", *flags],
            cwd=ROOT,
            env={"SYNCD_PORT": "0", **environment},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            preexec_fn=limits,
        )
        self.results: list[dict[str, Any]] = json.loads(self.done.stdout)
        assert self.done.returncode == any(result["status"] == "failed" for result in self.results)
        for result in self.results:
            assert list(result) == ["name", "status", "detail", "fix"]
            assert (result["fix"] is None) == (result["status"] == "ok"), result

    def the(self, name: str) -> tuple[str, str, str]:
        """Return status, detail and fix of the only result of this name."""
        (result,) = [result for result in self.results if result["name"] == name]
        return result["status"], result["detail"], result["fix"] or ""


def limited(kind: int, most: int) -> Callable[[], None]:
    """Return what lets a process have no more than ``most`` of a resource."""
    return lambda: resource.setrlimit(kind, (most, most))


def assert_result(result: CheckResult, status: str, said: str, fix: str = "") -> None:
    assert result.status == status, result
    assert said in result.detail
    assert fix in (result.fix or "")
