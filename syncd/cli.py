"""The command line: chooses the command, returns its exit status, prints an error as one line."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from syncd import __version__, console
from syncd.errors import CommandError, SettingsError

COMMANDS = {
    "serve": "run the daemon (the default)",
    "token": "mint a device token",
    "tail": "act as a device: show the changes of a user's list",
    "load": "write at a steady rate, and report how soon every device received it",
    "broker": "run a local PubNub-protocol broker, for development and tests (from a checkout)",
    "cluster": "start a broker, PostgreSQL and three nodes on this machine, to try things out (from a checkout)",
    "check": "check whether the daemon would start here and work, and say what to fix",
    "config": "print the settings that the daemon would have here, and where each comes from",
    "migrate": "upgrade the database's schema",
}

BROKEN_PIPE = 128 + signal.SIGPIPE
"""What a shell says of a program that such a signal has ended."""
INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed, 2 wrong usage; else as a shell says of a signal."""
    console.open_closed()
    console.buffer_lines()
    console.escape_unprintable()
    signal.signal(signal.SIGUSR1, _report_nothing)
    try:
        status = _run(list(sys.argv[1:] if arguments is None else arguments))
        console.flush_output()
    except OSError:
        broken = console.discard_broken_output()
        if broken is None:
            raise
        if broken.errno == errno.EPIPE:
            return BROKEN_PIPE
        console.complain(f"syncd: the output cannot be written: {broken.strerror}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _report_nothing(_signal: int, _frame: object) -> None:
    """Outlive a ``SIGUSR1`` that comes before the daemon can answer it: by default it ends the process."""


def _run(arguments: list[str]) -> int:
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version")):
        arguments.insert(0, "serve")
    try:
        command, parsed = _parse(arguments)
    except SystemExit as end:  # of argparse, which has printed the help
        return int(end.code or os.EX_OK)
    try:
        return int(command.run(parsed, os.environ))
    except (SettingsError, CommandError) as error:
        console.complain(f"syncd {parsed.command}: {error}")
        return 2 if isinstance(error, SettingsError) else 1


def _parse(arguments: list[str]) -> tuple[ModuleType, argparse.Namespace]:
    """Import the command that ``arguments`` name, and no other. Raises: SystemExit, help was asked for or is needed."""
    parser = argparse.ArgumentParser(
        prog="syncd",
        description="Keeps a watchlist, other lists and playback positions the same on every device their owner has.",
        epilog="The default command is serve. 'syncd COMMAND --help' shows the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"syncd {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == arguments[0]:
            import_module(f"syncd.commands.{name}").add_arguments(subparser)
    parsed = parser.parse_args(arguments)
    return import_module(f"syncd.commands.{parsed.command}"), parsed
