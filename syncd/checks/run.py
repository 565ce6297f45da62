"""Every check at the same time, each with a time-out of its own, and one report."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from msgspec.structs import replace

from syncd.checks.bus import check_bus
from syncd.checks.clock import check_clock
from syncd.checks.configuration import check_configuration
from syncd.checks.database import check_database
from syncd.checks.file_modes import redacted
from syncd.checks.host import check_address, check_directory, check_open_files
from syncd.checks.keys import check_keys
from syncd.checks.results import Checked, Finding, failed, setting
from syncd.checks.timeouts import TIMEOUT_S
from syncd.settings import Settings

CHECKS: tuple[tuple[str, Callable[[Settings], Awaitable[Checked]], str], ...] = (
    ("keys", check_keys, "jwks_url"),
    ("address", check_address, "host"),
    ("directory", check_directory, "data_dir"),
    ("open files", check_open_files, "max_connections"),
    ("database", check_database, "database_url"),
    ("bus", check_bus, "bus"),
)
"""Each with its name and the setting to look at if nothing better can be said."""


async def run_checks(settings: Settings, flags: Mapping[str, object]) -> list[Finding]:
    """Return what was found, in a fixed order, within ``TIMEOUT_S`` or little more; no secret is in it.

    Args:
        settings: what would be started.
        flags: what the command line said, by setting name.
    """
    checked = await asyncio.gather(*(_in_time(*check, settings) for check in CHECKS))
    clocks = [reading for one in checked for reading in one.clocks]
    return [
        *check_configuration(settings, flags),
        *(_in_a_line(finding, settings) for one in checked for finding in one.findings),
        *check_clock(clocks, settings, time.time()),
    ]


async def _in_time(
    name: str, check: Callable[[Settings], Awaitable[Checked]], setting_name: str, settings: Settings
) -> Checked:
    mend = f"look at what is named by {setting(setting_name)}"
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await check(settings)
    except TimeoutError:
        return Checked((failed(name, f"no answer within {TIMEOUT_S:g} s", mend),))
    except Exception as error:  # noqa: BLE001 - one check's slip must not cost the others' findings
        return Checked((failed(name, f"could not be checked: {type(error).__name__}: {error}", mend),))


def _in_a_line(finding: Finding, settings: Settings) -> Finding:
    """Return ``finding``, whose detail may be another program's words, in one line and without secrets."""
    return replace(finding, detail=redacted(" ".join(finding.detail.split()), settings))
