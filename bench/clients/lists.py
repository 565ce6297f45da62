"""The list of the one user whose devices are measured."""

from typing import Final

from bench import servers
from bench.fanout_load import CONTENT_ID_START
from bench.http_client import post_request, send_all
from bench.servers import BULK, Server

USER: Final = "ann"
MAX_BULK: Final = 500
_CONNECTIONS: Final = 4


def contents(count: int) -> list[str]:
    """Return the ids of the first contents."""
    return [f"{CONTENT_ID_START}{number:012x}" for number in range(count)]


def token(device: str) -> str:
    """Return the token of a device of the user."""
    return servers.token(USER, device)


async def add_all(server: Server, content_ids: list[str]) -> None:
    """Add them as another device does that was offline. Raises: RuntimeError, they were refused."""
    requests = [
        post_request(BULK, f'{{"operations":[{",".join(map(_add, some))}]}}'.encode(), token("writer"))
        for some in (content_ids[start : start + MAX_BULK] for start in range(0, len(content_ids), MAX_BULK))
    ]
    await send_all(server.port, requests, _CONNECTIONS)


def _add(content_id: str) -> str:
    return f'{{"operation":"add","content_id":"{content_id}"}}'
