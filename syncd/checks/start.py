"""The checks of every start: those that need nobody else. The start itself meets the rest."""

from collections.abc import Mapping

from syncd.checks.configuration import check_configuration
from syncd.checks.host import check_directory, check_open_files
from syncd.checks.keys import check_keys
from syncd.checks.report_lines import on_one_line
from syncd.checks.results import CheckResult
from syncd.setting_sources import Resolved


async def run_checks_of_a_start(found: Resolved, flags: Mapping[str, object]) -> list[CheckResult]:
    """Return all but the ok results of those of ``syncd.checks.run.run_checks`` that need nobody else.

    A directory that cannot be written to does not keep a daemon from starting: it still reads.
    """
    settings = found.settings
    local = [check_open_files, *([check_keys] if settings.jwks_url is None else [])]
    checked = [result for check in local for result in (await check(settings)).results]
    directory = [result for result in (await check_directory(settings)).results if result.status == "warning"]
    results = [*check_configuration(found, flags), *checked, *directory]
    return [on_one_line(result, settings) for result in results if result.status != "ok"]
