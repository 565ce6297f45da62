"""Log lines as a terminal or a machine reads them; each in a process of its own, for they are configured for all."""

import json
import re
import subprocess
import sys
from textwrap import indent

import pytest

from tests.daemon import ROOT
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


def logged(log_format: str, level: str, statements: str) -> str:
    """Return what a program writes that configures its logs and then executes ``statements``."""
    body = indent(statements, "    ")
    program = f"import logging\nfrom syncd.process import logs\nwith logs.writing({log_format!r}, {level!r}):\n{body}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("log_format", ["json", "auto"])
def test_for_machines_a_line_is_an_object(log_format: str) -> None:
    statements = (
        "logging.getLogger('syncd.audit').info('%s of %d', 'one', 2, extra={'by': 'ops', 'secret': 'x'})\n"
        "try: 1 / 0\nexcept ZeroDivisionError: logging.getLogger('syncd').exception('it failed')"
    )
    first, second = map(json.loads, logged(log_format, "info", statements).splitlines())
    assert {name: first[name] for name in ("event", "logger", "level", "by")} == {
        "event": "one of 2",
        "logger": "syncd.audit",
        "level": "info",
        "by": "ops",
    }
    assert first["timestamp"].endswith("Z")
    assert "secret" not in first  # only the fields that a line is meant to have
    assert (second["event"], second["level"]) == ("it failed", "error")
    assert second["exception"].endswith("ZeroDivisionError: division by zero")


def test_for_people_a_line_is_text_with_its_traceback() -> None:
    statements = "try: 1 / 0\nexcept ZeroDivisionError: logging.getLogger('syncd').exception('it failed')"
    text = logged("console", "info", statements)
    assert "it failed" in text
    assert "ZeroDivisionError: division by zero" in text
    assert not text.startswith("{")


def test_below_the_level_nothing_is_logged_and_libraries_are_quiet() -> None:
    statements = (
        "logging.getLogger('syncd').info('quiet')\n"
        "logging.getLogger('syncd').warning('loud')\n"
        "for name in ('alembic', 'httpx', 'urllib3'): logging.getLogger(name).info('chatter')\n"
        "logging.getLogger('uvicorn.error').warning('Invalid HTTP request received.')"
    )
    assert [json.loads(line)["event"] for line in logged("json", "warning", statements).splitlines()] == ["loud"]
    assert "chatter" not in logged("json", "debug", statements)
    assert "Invalid" not in logged("json", "debug", statements)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_has_a_bound_and_keeps_both_ends_of_what_is_too_long(log_format: str) -> None:
    statements = (
        "logging.getLogger('syncd').info('a' + 'x' * 100_000 + 'b')\n"
        "try: raise ValueError('y' * 100_000 + 'c')\nexcept ValueError: logging.getLogger('syncd').exception('failed')"
    )
    text = logged(log_format, "info", statements)
    assert len(text) < 3 * 8_000
    assert re.search(r"ax+ \[92002 characters] x+b", text)
    assert re.search(r"ValueError: y+ \[\d+ characters] y+c", text)


def test_a_program_that_nobody_reads_ends_whatever_it_says_last() -> None:
    program = (
        "import fcntl, logging, sys\nfrom syncd.process import logs\nfcntl.fcntl(2, fcntl.F_SETPIPE_SZ, 4096)\n"
        "with logs.writing('json', 'info'):\n    logging.getLogger('syncd').info('x' * 7_000)\n"
        "logging.getLogger('syncd').critical('y' * 7_000)\nprint('z' * 100_000, file=sys.stderr)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        try:
            assert process.wait(TIMEOUT_S) == 0
        finally:
            process.kill()
        assert set(process.stderr.read()) & set(b"yz") == set()
