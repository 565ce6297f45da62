"""The table's own promises: no code twice, reasons that fit, and ranges that tell a device what to do."""

import pytest

from actors.messages.close_codes import CLOSES, Close

MAX_REASON_BYTES = 123
"""RFC 6455, section 5.5: a control frame carries 125 bytes, two of them the code."""


def test_every_code_has_one_row_and_a_reason_that_fits_into_a_frame() -> None:
    assert len({close.code for close in CLOSES}) == len(CLOSES)
    for close in CLOSES:
        assert 0 < len(close.reason.encode()) <= MAX_REASON_BYTES


@pytest.mark.parametrize(
    ("code", "may_reconnect"),
    [
        (1000, False),
        (1001, True),
        (1002, False),
        (1006, True),
        (1007, False),
        (1009, False),
        (1011, True),
        (1013, True),
        (4000, True),
        (4499, True),
        (4500, False),
        (4999, False),
    ],
)
def test_the_range_says_whether_to_come_back(code: int, may_reconnect: bool) -> None:
    assert Close(code, "why").may_reconnect is may_reconnect
