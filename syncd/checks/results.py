"""The result of a check, and helpers to build one."""

from typing import Literal

from msgspec import Struct

from syncd.setting_sources import ENVIRONMENT_PREFIX

Status = Literal["ok", "warning", "failed"]


class CheckResult(Struct, frozen=True):
    """One line of the report.

    A ``warning`` is valid but probably not intended; after ``failed`` the daemon would not start, or not work.
    """

    name: str
    """What was checked: ``database``."""
    status: Status
    detail: str
    """What was found."""
    fix: str | None = None
    """What to do about it, naming the setting; ``None`` if and only if the status is ``ok``."""


class ClockReading(Struct, frozen=True):
    """A comparison of our clock with another one."""

    source: str
    ahead_s: float
    """How far ours is ahead of it, in seconds; negative: behind."""


class Checked(Struct, frozen=True):
    """What one check returns: its results, and the clocks that it could read on the way."""

    results: tuple[CheckResult, ...]
    clocks: tuple[ClockReading, ...] = ()


def ok(name: str, detail: str) -> CheckResult:
    """Return a result that needs no action."""
    return CheckResult(name, "ok", detail)


def warning(name: str, detail: str, fix: str) -> CheckResult:
    """Return a result that does not keep the daemon from starting."""
    return CheckResult(name, "warning", detail, fix)


def failed(name: str, detail: str, fix: str) -> CheckResult:
    """Return a result that keeps the daemon from starting or from working."""
    return CheckResult(name, "failed", detail, fix)


def setting(name: str) -> str:
    """Return how to set ``name``: its flag and its environment variable."""
    return f"--{name.replace('_', '-')} ({ENVIRONMENT_PREFIX}{name.upper()})"
