"""``syncd broker``: a local PubNub-protocol broker, for development and tests."""

import argparse
from collections.abc import Mapping
from importlib.util import find_spec

from syncd.errors import CommandError
from syncd.process import interrupts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", metavar="PORT", type=int, default=8084, help="port to listen on (default: %(default)s)"
    )


def run(arguments: argparse.Namespace, _environment: Mapping[str, str]) -> int:
    """Serve until interrupted."""
    require_broker()
    from pubnub_broker.server import run as run_broker  # noqa: PLC0415 - it is not in the wheel

    try:
        interrupts.run(run_broker(arguments.host, arguments.port))
    except (OSError, OverflowError, UnicodeError) as error:  # the latter two of what is no port and no host
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"--host {arguments.host} --port {arguments.port}: {reason}") from None
    return 0


def require_broker() -> None:
    """Do nothing if the broker's package can be imported: it is for development, and not in the wheel.

    Raises:
        CommandError: it cannot; the text says how to get it.
    """
    if find_spec("pubnub_broker") is None:
        raise CommandError("the development broker is not in the installed package: run this from a checkout of syncd")
