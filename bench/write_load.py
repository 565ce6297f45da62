"""Writes over HTTP, at a steady rate or as fast as they are answered, each followed to all of its user's devices."""

from collections.abc import Mapping
from typing import Final

from bench.fanout_load import Load, Report, measure
from bench.scenario import run
from bench.servers import WATCHLIST, MeasurementFailed, Server, token

UNDER_WAY: Final = 32
"""Connections for POSTs, each with one that is not answered yet."""


def tokens_of(users: int, devices: int) -> dict[str, str]:
    """Return a token for each device, by its name: ``u0/d0`` and so on."""
    return {f"u{user}/d{device}": token(f"u{user}", f"d{device}") for user in range(users) for device in range(devices)}


def measure_writes(
    server: Server,
    *,
    users: int,
    devices: int,
    messages: int,
    rate: float = 0.0,
    tokens: Mapping[str, str] | None = None,
) -> Report:
    """Return what ``fanout_load`` found at a daemon; ``rate``: writes per second, 0: as fast as they are answered.

    Raises:
        MeasurementFailed: a write was refused, or a device did not get it.
    """
    load = Load(
        ws=f"ws://127.0.0.1:{server.port}/ws",
        publish=f"http://127.0.0.1:{server.port}{WATCHLIST}",
        pid=server.pid,
        users=users,
        devices=devices,
        messages=messages,
        inflight=UNDER_WAY,
        rate=rate,
        tokens=tokens_of(users, devices) if tokens is None else tokens,
    )
    return _measured(load)


def measure_publishes(server: Server, *, users: int, devices: int, messages: int, rate: float = 0.0) -> Report:
    """Return the same of nchan, by the same client. Raises: MeasurementFailed."""
    load = Load(
        ws=f"ws://127.0.0.1:{server.port}/ws?user={{user}}",
        publish=f"http://127.0.0.1:{server.port}/pub?user={{user}}",
        pid=server.pid,
        users=users,
        devices=devices,
        messages=messages,
        inflight=UNDER_WAY,
        rate=rate,
    )
    return _measured(load)


def _measured(load: Load) -> Report:
    report = run(measure(load))
    if report["failed_publishes"] or report["disconnected"] or report["delivered"] != report["expected"]:
        raise MeasurementFailed(
            f"{report['delivered']:,} of {report['expected']:,} deliveries came, "
            f"{report['failed_publishes']:,} writes were refused, {report['disconnected']:,} devices disconnected"
        )
    return report
