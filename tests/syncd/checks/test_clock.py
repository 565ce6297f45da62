"""Our clock beside the others that could be read."""

from email.message import Message
from typing import Any

import pytest

from syncd.checks.clock import NOTEWORTHY_S, check_clock, date_reading
from syncd.checks.http_answer import HttpAnswer
from syncd.checks.results import ClockReading
from syncd.settings import Settings
from tests.fakes.issuer import Issuer
from tests.syncd.checks.conftest import Check, key_set
from tests.syncd.checks.report import assert_result

SETTINGS = Settings(max_clock_drift=60.0)


@pytest.mark.parametrize(
    ("ahead_s", "status", "said"),
    [
        (0.04, "ok", "+0.0 s from PubNub"),
        (-NOTEWORTHY_S, "ok", "-5.0 s from PubNub"),
        (NOTEWORTHY_S + 0.1, "warning", "5.1 s ahead of PubNub"),
        (-60.0, "warning", "60.0 s behind PubNub"),
        (60.1, "failed", "60.1 s ahead of PubNub; writes stamped more than 60 s ahead are refused"),
    ],
)
def test_a_difference_matters_from_where_a_network_does_not_explain_it(ahead_s: float, status: str, said: str) -> None:
    (result,) = check_clock([ClockReading("PubNub", ahead_s)], SETTINGS, 0.0)
    assert (result.status, result.detail) == (status, said)
    if status != "ok":
        assert "--max-clock-drift (SYNCD_MAX_CLOCK_DRIFT)" in (result.fix or "")


def test_only_the_clocks_that_differ_are_told_of() -> None:
    readings = [ClockReading("PubNub", 0.0), ClockReading("the database", 70.0)]
    (result,) = check_clock(readings, SETTINGS, 0.0)
    assert_result(result, "failed", "the database")
    (result,) = check_clock([readings[0], readings[0]], SETTINGS, 0.0)
    assert result.detail == "+0.0 s from PubNub, +0.0 s from PubNub"


def test_without_another_clock_ours_is_shown() -> None:
    (result,) = check_clock([], SETTINGS, 1_764_000_000.0)
    assert_result(result, "ok", "it is 2025-11-24 16:00:00 UTC here")


@pytest.mark.parametrize(
    ("date", "ahead_s"),
    [("Thu, 01 Jan 1970 00:01:00 GMT", 40.0 - 0.5), (None, None), ("yesterday", None)],
)
def test_the_date_of_an_answer_is_a_reading_if_it_has_one(date: str | None, ahead_s: float | None) -> None:
    headers = Message()
    if date is not None:
        headers["Date"] = date
    reading = date_reading("the issuer", HttpAnswer(b"", headers, asked_s=99.0, answered_s=101.0))
    assert reading == (None if ahead_s is None else ClockReading("the issuer", ahead_s))


@pytest.mark.integration
@pytest.mark.parametrize(
    ("ahead_s", "status", "said"),
    [
        (0, "ok", "from the issuer"),
        (20, "warning", "behind the issuer"),
        (-3600, "failed", "ahead of the issuer"),
    ],
)
async def test_an_issuers_clock_is_compared_with_ours(
    check: Check, issuer: Issuer, public_jwk: dict[str, Any], ahead_s: float, status: str, said: str
) -> None:
    url = await issuer.start(key_set(public_jwk), ahead_s)
    found = await check(jwt_secret=None, jwks_url=url)
    assert_result(found["keys"], "ok", "1 of 1 keys for RS256")
    assert_result(found["clock"], status, said, "" if status == "ok" else "SYNCD_MAX_CLOCK_DRIFT")
