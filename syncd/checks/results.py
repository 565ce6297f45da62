"""What a check found, and how it words it."""

from typing import Literal

from msgspec import Struct

from syncd.settings import ENVIRONMENT_PREFIX

Status = Literal["ok", "warning", "failed"]


class Finding(Struct, frozen=True):
    """One line of the report. A warning is legal but unwise; with a failure the daemon would not start or not work."""

    name: str
    """The subject: ``database``."""
    status: Status
    detail: str
    """What was seen."""
    mend: str | None = None
    """What to do about it, with the setting by name; ``None`` only if the status is ``ok``."""


class ClockReading(Struct, frozen=True):
    """What another clock said about ours."""

    source: str
    ahead_s: float
    """How far ours is ahead of it; negative: behind."""


class Checked(Struct, frozen=True):
    """What one check leaves: its findings, and the clocks that it met on the way."""

    findings: tuple[Finding, ...]
    clocks: tuple[ClockReading, ...] = ()


def ok(name: str, detail: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(name, "ok", detail)


def warning(name: str, detail: str, mend: str) -> Finding:
    """Return a finding that the daemon starts with all the same."""
    return Finding(name, "warning", detail, mend)


def failed(name: str, detail: str, mend: str) -> Finding:
    """Return a finding that keeps the daemon from starting or from working."""
    return Finding(name, "failed", detail, mend)


def setting(name: str) -> str:
    """Return where the setting ``name`` is set: its flag and its environment variable."""
    return f"--{name.replace('_', '-')} ({ENVIRONMENT_PREFIX}{name.upper()})"
