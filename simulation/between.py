"""What goes wrong between devices and the service where networks refuse upgrades, and are not the same for ever."""

from collections.abc import Callable
from random import Random
from typing import Final

from simulation.devices.device import Device
from simulation.devices.http_attempt import HttpAttempt
from simulation.outside.intermediary import REFUSALS, Intermediary
from simulation.shape import BETWEEN, Fault
from simulation.world import World

WEIGHTS: Final = {
    Fault.UPGRADES_ARE_REFUSED: 5,
    Fault.PROXIES_BUFFER: 3,
    Fault.REQUESTS_ARE_DOUBLED: 3,
    Fault.STREAMS_ARE_CUT: 5,
}
STAYS: Final = 0.5
"""Of the networks, how many are at the end as they have become."""


class Between:
    """Sets what is between each device and the service, and changes it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.rng
        self._faults = world.shape.faults
        if Fault.UPGRADES_ARE_REFUSED in self._faults:
            rng = Random(f"between devices {world.shape.seed}")  # noqa: S311 - repeatable is what it has to be
            for device in world.devices:
                device.intermediary.passes_http = True
                self._draw(rng, device.intermediary)

    @property
    def steps(self) -> dict[str, tuple[int, Callable[[], None]]]:
        """By fault: its weight, and what it does."""
        steps = {
            Fault.UPGRADES_ARE_REFUSED: self._move,
            Fault.PROXIES_BUFFER: self._buffer,
            Fault.REQUESTS_ARE_DOUBLED: self._double,
            Fault.STREAMS_ARE_CUT: self._cut,
        }
        return {fault: (WEIGHTS[fault], steps[fault]) for fault in BETWEEN}

    def make_calm(self) -> None:
        """Let some networks let everything through from now on, for ever; the others stay as they are."""
        if Fault.UPGRADES_ARE_REFUSED in self._faults:
            for device in self._world.devices:
                if self._rng.random() >= STAYS:
                    device.intermediary.refusal = None
                    device.intermediary.is_buffering = device.intermediary.is_doubling = False
                self._world.log.note(device.name, f"has a network at last that {device.intermediary}")

    def _draw(self, rng: Random, intermediary: Intermediary) -> None:
        intermediary.refusal = rng.choice(REFUSALS) if rng.random() < 0.6 else None
        intermediary.is_buffering = Fault.PROXIES_BUFFER in self._faults and rng.random() < 0.4
        intermediary.is_doubling = Fault.REQUESTS_ARE_DOUBLED in self._faults and rng.random() < 0.4

    def _move(self) -> None:
        """Take a device into another network: its connections end, and it may be told of that."""
        device = self._any_device(self._world.devices)
        self._draw(self._rng, device.intermediary)
        device.move(is_told=self._rng.random() < 0.5)

    def _buffer(self) -> None:
        intermediary = self._any_device(self._world.devices).intermediary
        intermediary.is_buffering = not intermediary.is_buffering

    def _double(self) -> None:
        intermediary = self._any_device(self._world.devices).intermediary
        intermediary.is_doubling = not intermediary.is_doubling

    def _cut(self) -> None:
        devices = [device for device in self._world.devices if isinstance(device.attempt, HttpAttempt)]
        if devices:
            device = self._any_device(devices)
            assert isinstance(device.attempt, HttpAttempt)
            self._world.log.note(device.name, "will be cut in an event")
            device.attempt.cut_in_an_event()

    def _any_device(self, devices: list[Device]) -> Device:
        return self._world.coverage.struck(self._rng.choice(devices))
