"""What an app may say of how far a content was played, and of a device."""

from typing import Any, Final

from syncd_client.data.ids import check_name, plain
from syncd_client.data.item_fields import check_object

MAX_SECONDS: Final = 10_000_000
STATES: Final = ("playing", "paused", "stopped")


def check_report(position_seconds: object, duration_seconds: object, state: object, watched: object) -> dict[str, Any]:
    """Return what a report says, without what is ``None``.

    Raises:
        ValueError: the service would refuse it.
    """
    if not isinstance(state, str) or state not in STATES:
        raise ValueError(f"state: must be one of {', '.join(STATES)}")
    says: dict[str, Any] = {"position_seconds": _seconds("position_seconds", position_seconds), "state": plain(state)}
    if duration_seconds is not None:
        says["duration_seconds"] = _seconds("duration_seconds", duration_seconds)
    if watched is not None:
        if not isinstance(watched, bool):
            raise ValueError("watched: must be True or False")
        says["watched"] = watched
    return says


def check_device(device_name: object, device_type: object, platform: object, capabilities: object) -> dict[str, Any]:
    """Return what is said of a device, without what is ``None``.

    Raises:
        ValueError: the service would refuse it.
        TypeError: ``capabilities`` is not what JSON can hold.
    """
    texts = {"device_name": device_name, "device_type": device_type, "platform": platform}
    says: dict[str, Any] = {name: check_name(name, text) for name, text in texts.items() if text is not None}
    if (found := check_object("capabilities", capabilities)) is not None:
        says["capabilities"] = found
    return says


def _seconds(name: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SECONDS:
        raise ValueError(f"{name}: must be a number of seconds from 0 to {MAX_SECONDS:,}")
    return float(value) if isinstance(value, float) else int(value)  # not of a subclass, such as numpy's: see plain
