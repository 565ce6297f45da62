"""``syncd check``: whether the daemon would start here and work. It changes nothing."""

import argparse
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from syncd import setting_sources
from syncd.checks.results import CheckResult, failed
from syncd.checks.run import run_checks
from syncd.errors import SettingsError
from syncd.process import interrupts

COLOURS = {"ok": "\x1b[32m", "warning": "\x1b[33m", "failed": "\x1b[31m"}
PLAIN = "\x1b[0m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print a list of {name, status, detail, fix}")
    setting_sources.add_flags(parser)


def run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print the results; return 1 if a check failed."""
    logging.disable()  # the report is the whole output
    return interrupts.run(_check(arguments, environment))


async def _check(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    try:
        found = setting_sources.resolve(vars(arguments), environment)
        results = await run_checks(found, vars(arguments))
    except SettingsError as error:
        results = [failed("configuration", str(error), "'syncd serve --help' explains every setting")]
    if arguments.json:
        print(json.dumps(msgspec.to_builtins(results), indent=2))
    else:
        is_coloured = sys.stdout.isatty() and not environment.get("NO_COLOR")
        print("\n".join(_lines(results, is_coloured=is_coloured)))
    # Before the exit, which may wait for a library's thread, for example in a DNS look-up.
    sys.stdout.flush()
    return 1 if _count(results)["failed"] else os.EX_OK


def _lines(results: Sequence[CheckResult], *, is_coloured: bool) -> list[str]:
    width = max(len(result.name) for result in results)
    lines = []
    for result in results:
        status = f"{result.status:<7}"
        colour = COLOURS[result.status]
        mark = f"{colour}{status}{PLAIN}" if is_coloured else status
        lines.append(f"{mark}  {result.name:<{width}}  {result.detail}")
        if result.fix is not None:
            lines.append(f"{'':<7}  {'':<{width}}  fix: {result.fix}")
    return [*lines, _verdict(_count(results))]


def _count(results: Sequence[CheckResult]) -> Counter[str]:
    return Counter(result.status for result in results)


def _verdict(count: Counter[str]) -> str:
    warnings = {0: "", 1: ", 1 warning"}.get(count["warning"], f", {count['warning']} warnings")
    return f"{count['failed']} failed{warnings}" if count["failed"] else f"it would start and work{warnings}"
