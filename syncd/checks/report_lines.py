"""Results as they are reported."""

from msgspec.structs import replace

from syncd.checks.results import CheckResult
from syncd.checks.secret_settings import redacted
from syncd.settings import Settings


def on_one_line(result: CheckResult, settings: Settings) -> CheckResult:
    """Return ``result`` with its detail, which may quote another program, on one line and without secrets."""
    return replace(result, detail=redacted(" ".join(result.detail.split()), settings))
