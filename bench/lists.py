"""Lists of many sizes: filled once for all runs, and read without a quota in the way."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import servers
from bench.fanout_load import CONTENT_ID_START
from bench.http_client import post_request, send_all
from bench.scenario import run
from bench.servers import BULK, Checkout, Server

SIZES: Final = (10, 1_000, 10_000, 100_000)
"""Items, each the list of one user."""
_MAX_BULK: Final = 500
_CONNECTIONS: Final = 4
_MANY: Final = "1000000"


@contextmanager
def daemon_with_lists(checkout: Checkout) -> Iterator[Server]:
    """Run the daemon on a copy of the lists, with quotas of one user that are out of the way."""
    with TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as data:
        shutil.copytree(_filled(checkout).name, data, dirs_exist_ok=True)
        os.sync()  # else the first commit pays for the copy
        with checkout.daemon_on(data, *_unlimited(checkout)) as server:
            yield server


def token_of(size: int) -> str:
    """Return the token of the user whose list has so many items."""
    return servers.token(f"user-with-{size}", "phone")


def add(item: int) -> str:
    """Return the JSON that adds the item with this number; a list has items 0, 1, 2 and so on."""
    return f'{{"operation":"add","content_id":"{CONTENT_ID_START}{item:012x}"}}'


@cache
def _filled(checkout: Checkout) -> "TemporaryDirectory[str]":
    """Return a data directory with the lists, which stays until this program ends."""
    directory = TemporaryDirectory(prefix=".bench-lists-", dir=Path.cwd())
    with checkout.daemon_on(directory.name, *_unlimited(checkout)) as server:
        run(send_all(server.port, (request for size in SIZES for request in _bulks(size)), _CONNECTIONS))
    return directory


def _bulks(size: int) -> Iterable[bytes]:
    for start in range(0, size, _MAX_BULK):
        adds = ",".join(map(add, range(start, min(start + _MAX_BULK, size))))
        yield post_request(BULK, f'{{"operations":[{adds}]}}'.encode(), token_of(size))


def _unlimited(checkout: Checkout) -> tuple[str, ...]:
    known = (*checkout.if_known("--reads-per-second", _MANY), *checkout.if_known("--max-items-per-list", _MANY))
    return ("--message-burst", _MANY, *known)
