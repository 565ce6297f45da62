"""Whether this machine's clock agrees with the clocks that the other checks could read."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from syncd.checks.http_answer import HttpAnswer
from syncd.checks.results import CheckResult, ClockReading, failed, ok, setting, warning
from syncd.settings import Settings

NAME = "clock"
NOTEWORTHY_S = 5.0
"""More than a busy network explains."""


def check_clock(readings: Sequence[ClockReading], settings: Settings, now_s: float) -> list[CheckResult]:
    """Compare this machine's clock with ``readings``; ``now_s``: its time, seconds since 1970."""
    time_server = "synchronise this machine and the other one with a time server (chrony, systemd-timesyncd)"
    bad: list[CheckResult] = []
    for reading in readings:
        off_s = abs(reading.ahead_s)
        detail = f"{off_s:.1f} s {'ahead of' if reading.ahead_s > 0 else 'behind'} {reading.source}"
        if off_s > settings.max_clock_drift:
            detail += f"; writes stamped more than {settings.max_clock_drift:g} s ahead are refused"
            bad.append(failed(NAME, detail, f"{time_server}; the limit is {setting('max_clock_drift')}"))
        elif off_s > NOTEWORTHY_S:
            bad.append(warning(NAME, detail, f"{time_server}, before {setting('max_clock_drift')} is reached"))
    if bad:
        return bad
    agreeing = ", ".join(f"{reading.ahead_s:+.1f} s from {reading.source}" for reading in readings)
    time = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return [ok(NAME, agreeing or f"it is {time} here; there was no other clock to compare it with")]


def date_reading(source: str, answer: HttpAnswer) -> ClockReading | None:
    """Return our clock compared with the ``Date`` of an HTTP answer; ``None``: it has no valid one."""
    try:
        date = parsedate_to_datetime(answer.headers["Date"])
    except (TypeError, ValueError):
        return None
    server_s = date.timestamp() + 0.5  # Date has whole seconds
    return ClockReading(source, (answer.asked_s + answer.answered_s) / 2 - server_s)
