"""Which lists a user has beside the watchlist, and what they are called: plain requests over HTTP.

Only the service can answer them: nothing of this is stored, and no request is repeated.
"""

from http import HTTPStatus
from typing import Final

from msgspec import Struct

from syncd_client.data.item_fields import encode
from syncd_client.transport.problem import read_problem
from syncd_client.transport.requests import Ask, decoded, failure

PATH: Final = "/api/v1/sync/lists"


class NamedList(Struct, frozen=True):
    """One list beside the watchlist; ``name`` is for people."""

    list: str
    name: str
    revision: int


class _Lists(Struct):
    lists: tuple[NamedList, ...]


async def lists(ask: Ask) -> tuple[NamedList, ...]:
    """Return the user's lists.

    Raises:
        RequestFailedError: the service does not say now.
    """
    return decoded(await ask("GET", PATH, None), _Lists).lists


async def rename(ask: Ask, list_id: str, name: str) -> NamedList:
    """Give a list a name, and create the list if it is not there.

    Raises:
        RequestFailedError: the service refuses, or cannot do it now.
    """
    return decoded(await ask("PUT", f"{PATH}/{list_id}", encode({"name": name})), NamedList)


async def delete(ask: Ask, list_id: str) -> None:
    """Delete a list, if there is one.

    Raises:
        RequestFailedError: the service cannot do it now.
    """
    answer = await ask("DELETE", f"{PATH}/{list_id}", None)
    problem = read_problem(answer.status, answer.content_type, answer.body)
    is_gone = answer.status == HTTPStatus.NOT_FOUND and problem is not None
    if answer.status != HTTPStatus.NO_CONTENT and not is_gone:
        raise failure(answer)
