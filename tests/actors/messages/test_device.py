"""What a device is told about its write, for every outcome that there is."""

from uuid import UUID

import pytest

from actors.messages.change import Change
from actors.messages.device import Ack, Error, answer_to
from actors.messages.journal import Outcome, Status, Update
from crdt.hlc import HLCTimestamp

STAMP = HLCTimestamp(1_764_000_000_000, 3, "node-a")
UPDATE = Update(
    line="ann",
    revision=7,
    change=Change("remove", str(UUID(int=1))),
    tags=("phone:2", "tv:1"),
    timestamp=STAMP,
    device_id="tv",
)


@pytest.mark.parametrize("status", [Status.ADDED, Status.EXISTING, Status.REMOVED])
def test_a_write_that_holds_is_acknowledged_with_what_was_recorded(status: Status) -> None:
    assert answer_to("w1", Outcome(status=status, update=UPDATE)) == Ack(
        id="w1", status=status, revision=7, unique_tag="phone:2", timestamp=STAMP
    )


def test_a_write_for_which_nothing_had_to_change_is_acknowledged_without_a_revision() -> None:
    assert answer_to(7, Outcome(status=Status.EXISTING)) == Ack(id=7, status=Status.EXISTING)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (
            Outcome(status=Status.NOT_FOUND),
            Error(code="not_found", field="content_id", message="it is not in the watchlist"),
        ),
        (
            Outcome(status=Status.REFUSED, field="tag", reason="a tag must not be empty"),
            Error(code="refused", field="tag", message="a tag must not be empty"),
        ),
        (
            Outcome(status=Status.REFUSED, field="content_id", reason="it is full", quota="items_per_list"),
            Error(code="quota_exceeded", field="content_id", message="it is full"),
        ),
        (Outcome(status=Status.REFUSED), Error(code="refused", message="the write was refused")),
        (
            Outcome(status=Status.REFUSED, reason="busy", retry_after_s=1.2346),
            Error(code="try_again_later", message="busy", retry_after_ms=1235),
        ),
        (
            Outcome(status=Status.REFUSED, reason="busy", retry_after_s=0.0),
            Error(code="try_again_later", message="busy", retry_after_ms=0),
        ),
    ],
)
def test_a_write_without_effect_is_an_error_that_says_why(outcome: Outcome, error: Error) -> None:
    assert answer_to(None, outcome) == error
