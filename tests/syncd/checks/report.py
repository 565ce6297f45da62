"""What ``syncd check`` says, as a test asks for it."""

import json
import logging
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any
from unittest.mock import patch

from syncd.checks.results import CheckResult
from syncd.cli import main
from tests.daemon import ROOT
from tests.timeouts import TIMEOUT_S


class Report:
    """What one run of ``syncd check --json`` said: of a process of its own, which takes long, only with ``limits``."""

    def __init__(self, *flags: str, limits: Callable[[], None] | None = None, **environment: str) -> None:
        command, environment = ["check", "--json", *flags], {"SYNCD_PORT": "0", **environment}
        self.done = _run_here(command, environment) if limits is None else _run(command, environment, limits)
        self.results: list[dict[str, Any]] = json.loads(self.done.stdout)
        assert self.done.returncode == any(result["status"] == "failed" for result in self.results)
        for result in self.results:
            assert list(result) == ["name", "status", "detail", "fix"]
            assert (result["fix"] is None) == (result["status"] == "ok"), result

    def the(self, name: str) -> tuple[str, str, str]:
        """Return status, detail and fix of the only result of this name."""
        (result,) = [result for result in self.results if result["name"] == name]
        return result["status"], result["detail"], result["fix"] or ""


def _run_here(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    with (
        patch.dict(os.environ, environment, clear=True),
        redirect_stdout(StringIO()) as output,
        redirect_stderr(StringIO()) as errors,
    ):
        try:
            status = main(command)
        finally:
            logging.disable(logging.NOTSET)
    return subprocess.CompletedProcess(command, status, output.getvalue(), errors.getvalue())


def _run(
    command: list[str], environment: dict[str, str], limits: Callable[[], None]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "syncd", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        preexec_fn=limits,
    )


def limited(kind: int, most: int) -> Callable[[], None]:
    """Return what lets a process have no more than ``most`` of a resource."""
    return lambda: resource.setrlimit(kind, (most, most))


def assert_result(result: CheckResult, status: str, said: str, fix: str = "") -> None:
    assert result.status == status, result
    assert said in result.detail
    assert fix in (result.fix or "")
