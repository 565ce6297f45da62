"""``syncd check``: would the daemon start here and work? Nothing is changed by asking."""

import argparse
import asyncio
import logging
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from syncd import settings
from syncd.checks.results import Finding, failed
from syncd.checks.run import run_checks
from syncd.settings import SettingsError

COLOURS = {"ok": "\x1b[32m", "warning": "\x1b[33m", "failed": "\x1b[31m"}
PLAIN = "\x1b[0m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print a list of {name, status, detail, mend}")
    settings.add_flags(parser)


def run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print what was found; 1 if something failed."""
    logging.disable()  # the report says it all
    return asyncio.run(_check(arguments, environment))


async def _check(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    try:
        findings = await run_checks(settings.load(vars(arguments), environment), vars(arguments))
    except SettingsError as error:
        findings = [failed("configuration", str(error), "'syncd serve --help' says what each setting takes")]
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(findings)).decode())
    else:
        is_coloured = sys.stdout.isatty() and not environment.get("NO_COLOR")
        print("\n".join(_lines(findings, is_coloured=is_coloured)))
    # At once: the program's own end waits for threads that libraries started, one in a DNS look-up for instance.
    sys.stdout.flush()
    return 1 if _count(findings)["failed"] else os.EX_OK


def _lines(findings: Sequence[Finding], *, is_coloured: bool) -> list[str]:
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        status = f"{finding.status:<7}"
        colour = COLOURS[finding.status]
        mark = f"{colour}{status}{PLAIN}" if is_coloured else status
        lines.append(f"{mark}  {finding.name:<{width}}  {finding.detail}")
        if finding.mend is not None:
            lines.append(f"{'':<7}  {'':<{width}}  mend: {finding.mend}")
    return [*lines, _verdict(_count(findings))]


def _count(findings: Sequence[Finding]) -> Counter[str]:
    return Counter(finding.status for finding in findings)


def _verdict(count: Counter[str]) -> str:
    warnings = {0: "", 1: ", 1 warning"}.get(count["warning"], f", {count['warning']} warnings")
    return f"{count['failed']} failed{warnings}" if count["failed"] else f"it would start and work{warnings}"
