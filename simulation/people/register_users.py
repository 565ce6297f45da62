"""What users say of playback progress and of their devices, by a device whose app follows these."""

from collections.abc import Sequence
from random import Random
from typing import Final

from simulation.devices.device import Device
from simulation.judges.lines import DEVICES, PROGRESS

DURATION_S: Final = 100
"""Of every content."""


def play(device: Device, rng: Random, contents: Sequence[str]) -> None:
    """Say how far a content was played, or that this is to be forgotten."""
    core, content_id = device.core, rng.choice(contents)
    device.follow(PROGRESS)
    chance = rng.random()
    if chance < 0.1:
        device.put(core.remove_progress(content_id)[1])
    elif chance < 0.2:
        device.put(core.flush())
    else:
        duration, state = rng.choice((None, DURATION_S)), rng.choice(("playing", "playing", "paused", "stopped"))
        device.put(core.report(content_id, rng.randrange(DURATION_S), duration_seconds=duration, state=state))


def rename(device: Device, rng: Random) -> None:
    """Say what a device that is shown is called, or this one."""
    device.follow(DEVICES)
    device_id = rng.choice([*device.known, device.name])
    device.put(device.core.update_device(device_id, device_name=f"name {rng.randrange(100)}")[1])
