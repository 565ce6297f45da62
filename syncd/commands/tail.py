"""``syncd tail``: be a device in the terminal."""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from syncd.cli import CommandError

TOKEN_VARIABLE = "SYNCD_TOKEN"  # noqa: S105 - the variable's name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--url", default="ws://127.0.0.1:8083/ws", help="the daemon's WebSocket (default: %(default)s)")
    parser.add_argument("--token", help=f"the device's token; default: ${TOKEN_VARIABLE}")
    parser.add_argument("--since", type=int, metavar="REVISION", help="first show what came after this revision")
    parser.add_argument("--json", action="store_true", help="print the messages as they come, one a line")


def run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print messages until the connection ends."""
    token = arguments.token or environment.get(TOKEN_VARIABLE)
    if not token:
        raise CommandError(f"a token is needed: --token or ${TOKEN_VARIABLE}; 'syncd token' mints one")
    return asyncio.run(_tail(arguments, token))


async def _tail(arguments: argparse.Namespace, token: str) -> int:
    url = arguments.url if arguments.since is None else f"{arguments.url}?{urlencode({'since': arguments.since})}"
    try:
        async with connect(url, additional_headers={"Authorization": f"Bearer {token}"}, compression=None) as socket:
            print(f"connected to {arguments.url}", file=sys.stderr)
            async for message in socket:
                print(message if arguments.json else _line(message), flush=True)
    except InvalidStatus as error:
        raise CommandError(f"{arguments.url}: {_refusal(error.response.body or b'')}") from None
    except (OSError, InvalidHandshake) as error:
        raise CommandError(f"{arguments.url}: {error}") from None
    except ConnectionClosed:
        pass
    print(f"closed: {socket.close_code} {socket.close_reason}", file=sys.stderr)
    return os.EX_OK if socket.close_code in (1000, 1001) else os.EX_TEMPFAIL


def _line(message: str | bytes) -> str:
    fields = msgspec.json.decode(message)
    kind = fields.pop("type", "?")
    if kind == "watchlist_update":
        revision, device = fields.get("revision", "-"), fields.get("device_id", "?")
        return f"{revision:>8}  {fields['action']:6}  {fields['content_id']}  by {device}"
    return f"{kind}  " + "  ".join(f"{name}={value}" for name, value in fields.items())


def _refusal(body: bytes | bytearray) -> str:
    try:
        problem = msgspec.json.decode(body)
        return f"{problem['status']} {problem['title']}: {problem['detail']}"
    except (msgspec.DecodeError, KeyError, TypeError):
        return body.decode(errors="replace") or "refused without a reason"
