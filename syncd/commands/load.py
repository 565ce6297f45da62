"""``syncd load``: a steady rate of writes to many devices of many users, and a report."""

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Mapping
from functools import partial
from uuid import UUID

from msgspec import Struct
from syncd_client import Client, Disconnected, State, Updated
from syncd_client.transport.address import address_of

from syncd import console, setting_sources
from syncd.errors import CommandError, SettingsError
from syncd.keys.minting import minting
from syncd.keys.signing import name_of_secret
from syncd.process import interrupts

TOKEN_TTL_S = 24 * 3600
CONTENTS_PER_USER = 20
"""Contents that a user's writes add and remove in turn, so that lists stay short."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--url", metavar="URL", default="http://127.0.0.1:8083", help="URL of the daemon (default: %(default)s)"
    )
    parser.add_argument(
        "--users", metavar="NUMBER", type=int, default=10, help="number of users (default: %(default)s)"
    )
    parser.add_argument(
        "--devices", metavar="NUMBER", type=int, default=3, help="devices of each user (default: %(default)s)"
    )
    parser.add_argument(
        "--rate",
        metavar="NUMBER",
        type=float,
        default=20.0,
        help="writes per second, all users together (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds", metavar="SECONDS", type=float, default=10.0, help="seconds to write for (default: %(default)s)"
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=10.0,
        help="seconds to wait for the last device (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as a JSON object")
    setting_sources.add_flags(parser)


class Report(Struct, kw_only=True):
    """The result; latencies in milliseconds, from a write until a device shows it."""

    devices: int
    writes: int
    expected: int
    """Deliveries: one for each write and device of its user."""
    missing: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class _User:
    """One user's devices; the first one writes."""

    def __init__(self, name: str, devices: list[Client], latencies_s: list[float]) -> None:
        self.name = name
        self.devices = devices
        self.writes = 0
        self.missing = 0
        self.reason = ""
        """Why a device was disconnected last."""
        self._latencies_s = latencies_s
        self._awaited: dict[tuple[int, str], tuple[bool, float]] = {}
        """Device and content -> whether it should be in the list, and since when."""
        for number, device in enumerate(devices):
            device.subscribe(partial(self._happened, number))

    def write(self) -> None:
        """Add or remove the next content."""
        content_id = str(UUID(int=self.writes % CONTENTS_PER_USER))
        is_added = self.writes // CONTENTS_PER_USER % 2 == 0
        self.writes += 1
        since_s = time.perf_counter()
        for number in range(len(self.devices)):
            if (number, content_id) in self._awaited:
                self.missing += 1  # the write before this one was never shown
            self._awaited[number, content_id] = (is_added, since_s)
        (self.devices[0].add if is_added else self.devices[0].remove)(content_id)

    @property
    def awaited(self) -> int:
        """Deliveries that are still missing."""
        return len(self._awaited)

    def _happened(self, number: int, event: object) -> None:
        if isinstance(event, Disconnected):
            self.reason = event.reason
        if not isinstance(event, Updated):
            return
        shown = {item.content_id for item in self.devices[number].items if not item.pending}
        for (device, content_id), (is_added, since_s) in list(self._awaited.items()):
            if device == number and (content_id in shown) is is_added:
                del self._awaited[device, content_id]
                self._latencies_s.append(time.perf_counter() - since_s)


def run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Write, wait and report; return 1 if something did not arrive."""
    for setting in ("users", "devices", "rate", "seconds", "timeout"):
        if not 0 < getattr(arguments, setting) < math.inf:
            raise SettingsError(f"--{setting}: must be above 0, and finite")
    try:
        address_of(arguments.url)
    except ValueError as error:
        raise SettingsError(f"--{error}") from None
    found = setting_sources.resolve(vars(arguments), environment)
    mint = minting(found.settings)
    console.complain(f"the daemon is {arguments.url}; its tokens are signed with {name_of_secret(found)}")
    report = interrupts.run(_load(arguments, mint))
    if arguments.json:
        print(json.dumps({name: getattr(report, name) for name in report.__struct_fields__}))
    else:
        print(
            f"{report.writes} writes to {report.devices} devices: {report.expected - report.missing} of "
            f"{report.expected} arrived; p50 {report.p50_ms:.1f} ms, p95 {report.p95_ms:.1f} ms, "
            f"p99 {report.p99_ms:.1f} ms"
        )
    return 1 if report.missing else 0


async def _load(arguments: argparse.Namespace, mint: partial[str]) -> Report:
    run_name = f"load-{time.time_ns():x}"
    latencies_s: list[float] = []
    users: list[_User] = []
    for user_number in range(arguments.users):
        name = f"{run_name}-{user_number}"
        devices = [_device(arguments.url, mint, name, f"device-{number}") for number in range(arguments.devices)]
        users.append(_User(name, devices, latencies_s))
    devices = [device for user in users for device in user.devices]
    try:
        await _connected(arguments, users)
        await _write(arguments, users)
        await _arrived(arguments, users)
    finally:
        await asyncio.gather(*(device.close() for device in devices))
    ranked = sorted(latencies_s) or [0.0]
    p50, p95, p99 = (ranked[int((len(ranked) - 1) * part)] * 1000 for part in (0.50, 0.95, 0.99))
    writes = sum(user.writes for user in users)
    return Report(
        devices=len(devices),
        writes=writes,
        expected=writes * arguments.devices,
        missing=sum(user.missing + user.awaited for user in users),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
    )


def _device(url: str, mint: partial[str], user_id: str, device_id: str) -> Client:
    async def get_token() -> str:
        return mint(user_id, device_id, TOKEN_TTL_S)

    client = Client(url)
    client.sign_in(user_id, get_token)
    return client


async def _connected(arguments: argparse.Namespace, users: list[_User]) -> None:
    devices = [device for user in users for device in user.devices]
    try:
        async with asyncio.timeout(arguments.timeout):
            for number, device in enumerate(devices, 1):
                await device.wait_until(partial(_is_live, device))
                _progress("connected", number, len(devices))
    except TimeoutError:
        reason = next((f": {user.reason}" for user in users if user.reason), "")
        said = f"not every device could connect within {arguments.timeout:g} s{reason}"
        raise CommandError(f"{arguments.url}: {said}") from None


def _is_live(device: Client) -> bool:
    return device.state is State.LIVE


async def _write(arguments: argparse.Namespace, users: list[_User]) -> None:
    total = round(arguments.rate * arguments.seconds)
    began_s = time.perf_counter()
    for number in range(total):
        await asyncio.sleep(max(0.0, began_s + number / arguments.rate - time.perf_counter()))
        users[number % len(users)].write()
        _progress("written", number + 1, total)


async def _arrived(arguments: argparse.Namespace, users: list[_User]) -> None:
    give_up_s = time.perf_counter() + arguments.timeout
    while any(user.awaited for user in users) and time.perf_counter() < give_up_s:  # noqa: ASYNC110 - many events to await
        await asyncio.sleep(0.01)


def _progress(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty() and (done == total or done % max(1, total // 100) == 0):
        print(f"\r{what} {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
