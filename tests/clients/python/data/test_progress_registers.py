"""How much of a content was played."""

import pytest
from syncd_client.data.progress_registers import percent_of


@pytest.mark.parametrize(
    ("position", "duration", "percent"),
    [
        (7, None, 0),
        (7, 0, 0),
        (0, 100, 0),
        (1, 3, 33.3),
        (2, 3, 66.7),
        (0.05, 100, 0.1),
        (0.0499, 100, 0),
        (99.96, 100, 100),
        (101, 100, 100),
        (10_000_000, 5e-324, 100),
    ],
)
def test_a_percentage_is_rounded_to_a_tenth_and_at_most_a_hundred(
    position: float, duration: float | None, percent: float
) -> None:
    assert percent_of(position, duration) == percent
