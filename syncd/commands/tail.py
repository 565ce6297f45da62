"""``syncd tail``: a device in the terminal."""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import jwt
import msgspec
from syncd_client import (
    Client,
    Connected,
    Disconnected,
    Event,
    Item,
    Resumed,
    SqliteStore,
    Storage,
    Updated,
)
from syncd_client.core.tokens import REFUSED_BEFORE
from syncd_client.data.ids import check_user_id

from syncd import console
from syncd.errors import CommandError
from syncd.process import interrupts

TOKEN_VARIABLE = "SYNCD_TOKEN"  # noqa: S105 - the variable's name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--url", metavar="URL", default="http://127.0.0.1:8083", help="URL of the daemon (default: %(default)s)"
    )
    parser.add_argument("--token", metavar="TOKEN", help=f"token of the device (default: ${TOKEN_VARIABLE})")
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="file that keeps the list between runs, as a device does"
    )
    parser.add_argument("--json", action="store_true", help="print every event of the client as JSON, one per line")


def run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Show changes until the server refuses the connection for good."""
    source = "--token" if (arguments.token or "").strip() else f"${TOKEN_VARIABLE}"
    given = arguments.token if source == "--token" else environment.get(TOKEN_VARIABLE, "")
    token = given.strip()
    if token != given:
        console.complain(f"there is whitespace around {source}, which is not taken for a part of it")
    if not token:
        raise CommandError(f"a token is needed: --token or ${TOKEN_VARIABLE}; 'syncd token' makes one")
    try:
        user_id = jwt.decode(token, options={"verify_signature": False, "verify_exp": False})["sub"]
        check_user_id(user_id)
    except (jwt.PyJWTError, KeyError, ValueError) as error:
        raise CommandError(f"{source}: this is not a device token: {error}") from None
    return interrupts.run(_tail(arguments, token, user_id))


async def _tail(arguments: argparse.Namespace, token: str, user_id: str) -> int:
    async def get_token() -> str:
        return token

    async with _client(arguments) as client:
        events = client.events()
        client.sign_in(user_id, get_token)
        shown = {} if arguments.json else _show({}, {item.content_id: item for item in client.items})
        async for event in events:
            if arguments.json:
                print(json.dumps(msgspec.to_builtins(event)), flush=True)  # ASCII, for any console
            elif isinstance(event, Updated):
                shown = _show(shown, {item.content_id: item for item in client.items})
            else:
                _note(arguments.url, event)
            if isinstance(event, Storage) and event.storage == "memory":
                raise CommandError(f"--state {arguments.state}: {event.reason}")
            if isinstance(event, Disconnected) and (event.retry_in_ms is None or event.reason == REFUSED_BEFORE):
                raise CommandError(f"{arguments.url}: {event.reason}")
    return os.EX_OK


def _client(arguments: argparse.Namespace) -> Client:
    try:
        return Client(arguments.url, SqliteStore(arguments.state) if arguments.state else None)
    except ValueError as error:
        raise CommandError(f"--{error}") from None


def _show(before: Mapping[str, Item], now: dict[str, Item]) -> dict[str, Item]:
    for content_id, item in reversed(now.items()):
        if content_id not in before:
            print(f"{_time()}  add     {content_id}  by {item.device_id}", flush=True)
    for content_id in before:
        if content_id not in now:
            print(f"{_time()}  remove  {content_id}", flush=True)
    return now


def _note(url: str, event: Event) -> None:
    match event:
        case Connected():
            print(f"connected to {url}", file=sys.stderr)
        case Resumed(recovered=False, reason=reason):
            print(f"the whole list: {reason}", file=sys.stderr)
        case Disconnected(reason=reason, retry_in_ms=int(retry_in_ms)):
            print(f"disconnected: {reason}; next attempt in {retry_in_ms / 1000:.1f} s", file=sys.stderr)


def _time() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
