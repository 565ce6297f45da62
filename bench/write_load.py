"""Writes to a daemon over HTTP at a steady rate, each timed until it is on its user's devices."""

from collections.abc import Mapping

from bench.fanout import Load, Report, measure
from bench.scenario import run
from bench.servers import WATCHLIST, MeasurementFailed, Server, token


def tokens_of(users: int, devices: int) -> dict[str, str]:
    """Return a token for each device, by its name: ``u0/d0`` and so on."""
    return {f"u{user}/d{device}": token(f"u{user}", f"d{device}") for user in range(users) for device in range(devices)}


def measure_writes(
    server: Server, *, users: int, devices: int, rate: float, seconds: int, tokens: Mapping[str, str] | None = None
) -> Report:
    """Return what ``bench.fanout`` found; ``rate``: writes per second. Raises: MeasurementFailed."""
    load = Load(
        ws=f"ws://127.0.0.1:{server.port}/ws",
        publish=f"http://127.0.0.1:{server.port}{WATCHLIST}",
        pid=server.pid,
        users=users,
        devices=devices,
        messages=round(rate * seconds),
        rate=rate,
        tokens=tokens_of(users, devices) if tokens is None else tokens,
    )
    report = run(measure(load))
    if report["failed_publishes"] or report["disconnected"] or report["delivered"] != report["expected"]:
        raise MeasurementFailed(f"{report['delivered']:,} of {report['expected']:,} deliveries came")
    return report
