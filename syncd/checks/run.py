"""Runs every check at the same time, each with its own time-out, and collects one report."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from syncd.checks.bus import check_bus
from syncd.checks.certificate import check_certificate
from syncd.checks.clock import check_clock
from syncd.checks.configuration import check_configuration
from syncd.checks.database import check_database
from syncd.checks.host import check_address, check_directory, check_open_files
from syncd.checks.keys import check_keys
from syncd.checks.replica import check_replica
from syncd.checks.report_lines import on_one_line
from syncd.checks.results import Checked, CheckResult, failed, setting
from syncd.checks.timeouts import CHECK_TIMEOUT_S
from syncd.setting_sources import Resolved
from syncd.settings import Settings

CHECKS: tuple[tuple[str, Callable[[Settings], Awaitable[Checked]], str], ...] = (
    ("keys", check_keys, "jwks_url"),
    ("address", check_address, "host"),
    ("certificate", check_certificate, "tls_certificate_file"),
    ("directory", check_directory, "data_dir"),
    ("open files", check_open_files, "max_connections"),
    ("database", check_database, "database_url"),
    ("replica", check_replica, "database_read_url"),
    ("bus", check_bus, "bus"),
)
"""Name, check, and the setting to look at if the check itself cannot say more."""


async def run_checks(
    found: Resolved, flags: Mapping[str, object], timeout_s: float = CHECK_TIMEOUT_S
) -> list[CheckResult]:
    """Return the results of every check, in a fixed order, after ``timeout_s`` at most. They hold no secret.

    Args:
        found: the settings that it would be started with.
        flags: what the command line said, by setting name.
        timeout_s: for each check.
    """
    settings = found.settings
    checked = await asyncio.gather(*(_with_deadline(*check, settings, timeout_s) for check in CHECKS))
    clocks = [reading for one in checked for reading in one.clocks]
    return [
        *check_configuration(found, flags),
        *(on_one_line(result, settings) for one in checked for result in one.results),
        *check_clock(clocks, settings, time.time()),
    ]


async def _with_deadline(
    name: str, check: Callable[[Settings], Awaitable[Checked]], setting_name: str, settings: Settings, timeout_s: float
) -> Checked:
    fix = f"check the setting {setting(setting_name)}"
    try:
        async with asyncio.timeout(timeout_s):
            return await check(settings)
    except TimeoutError:
        return Checked((failed(name, f"no answer within {timeout_s:g} s", fix),))
    except Exception as error:  # noqa: BLE001 - a defect in one check must not hide the results of the others
        return Checked((failed(name, f"could not be checked: {type(error).__name__}: {error}", fix),))
