"""What an app may say of how far a content was played, and of a device."""

import math

import pytest
from syncd_client.data.register_fields import check_device, check_report


def test_a_report_says_what_is_given_and_nothing_else() -> None:
    assert check_report(0, None, "playing", None) == {"position_seconds": 0, "state": "playing"}
    assert check_report(10_000_000, 7.5, "stopped", False) == {
        "position_seconds": 10_000_000,
        "state": "stopped",
        "duration_seconds": 7.5,
        "watched": False,
    }


@pytest.mark.parametrize("seconds", [-0.1, 10_000_000.5, math.nan, math.inf, True, "7", None, [7]])
def test_what_is_no_number_of_seconds_is_refused(seconds: object) -> None:
    with pytest.raises(ValueError, match=r"^position_seconds: must be a number of seconds from 0 to 10,000,000$"):
        check_report(seconds, None, "playing", None)
    if seconds is not None:
        with pytest.raises(ValueError, match=r"^duration_seconds: "):
            check_report(7, seconds, "playing", None)


@pytest.mark.parametrize("state", ["", "Playing", None, 7, ["playing"]])
def test_what_is_no_state_is_refused(state: object) -> None:
    with pytest.raises(ValueError, match=r"^state: must be one of playing, paused, stopped$"):
        check_report(7, None, state, None)


def test_a_device_is_described_by_texts_and_an_object() -> None:
    assert check_device(None, None, None, None) == {}
    capabilities = {"a": [1]}
    said = check_device("K", "tv", None, capabilities)
    assert said == {"device_name": "K", "device_type": "tv", "capabilities": {"a": [1]}}
    assert said["capabilities"] is not capabilities  # which the app may change
    with pytest.raises(ValueError, match=r"^platform: must be 1 to 128"):
        check_device(None, None, "x" * 129, None)
    with pytest.raises(TypeError, match=r"^capabilities: must be a dict"):
        check_device(None, None, None, [1])
