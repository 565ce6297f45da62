"""``syncd token``: mint a device token with the daemon's secret."""

import argparse
import json
from collections.abc import Mapping
from uuid import uuid4

from actors.messages.names import NAME_RULE, is_name
from syncd import console, setting_sources
from syncd.errors import SettingsError
from syncd.keys.minting import minting
from syncd.keys.signing import name_of_secret


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--user", required=True, help="id of the user (the token's sub)")
    parser.add_argument("--device", required=True, help="id of the device")
    parser.add_argument(
        "--ttl", type=_seconds, default=86_400, metavar="SECONDS", help="lifetime (default: 86400, a day)"
    )
    parser.add_argument("--scope", metavar="SCOPE", help="scope of the token: syncd:admin allows the admin API")
    parser.add_argument("--json", action="store_true", help="print the token and its claims as a JSON object")
    setting_sources.add_flags(parser)


def run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print the token. Raises: SettingsError, the daemon would refuse it, or there is no secret."""
    for flag, name in (("--user", arguments.user), ("--device", arguments.device)):
        if not is_name(name):
            raise SettingsError(f"{flag}: must be {NAME_RULE}")
    found = setting_sources.resolve(vars(arguments), environment)
    token_id = uuid4().hex
    token = minting(found.settings)(
        arguments.user, arguments.device, arguments.ttl, token_id=token_id, scope=arguments.scope
    )
    console.complain(f"signed with {name_of_secret(found)}")
    if arguments.json:
        said = {"user": arguments.user, "device": arguments.device, "ttl": arguments.ttl, "token_id": token_id}
        print(json.dumps({"token": token, **said} | ({"scope": arguments.scope} if arguments.scope else {})))
    else:
        print(token)
    return 0


def _seconds(text: str) -> int:
    try:
        seconds = int(text)
    except ValueError:
        seconds = 0
    if seconds <= 0:
        raise argparse.ArgumentTypeError("must be a whole number of seconds above 0")
    return seconds
