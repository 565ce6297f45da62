"""The routes of a user's lists beside the watchlist: which there are, what they are called, and their end."""

from http import HTTPStatus
from typing import Final, TypeVar

import msgspec
from starlette.responses import Response

from actors.messages.bus import ShowLists
from actors.messages.channel import HeadMoved
from actors.messages.failures import WriteFailed, WriteRefused
from actors.messages.lists import DeleteList, ListDeleted, ListPut, PutList
from actors.runtime import LoopFuture
from actors.runtime.tell import Tell
from transport.access.authentication import Claims
from transport.access.limits import too_many
from transport.errors import Problem
from transport.http.exchange.answer_deadlines import RETRY_AFTER_S, with_deadline
from transport.http.exchange.app import HttpRequest
from transport.http.exchange.etags import tag_of
from transport.http.exchange.requests import (
    MAX_WRITE_BYTES,
    ListRequest,
    authenticated,
    collection_named,
    decode,
    read_body,
)
from transport.http.exchange.responses import ListsResponse, NamedList, json_body, json_response
from transport.http.routes.deps import ApiDeps
from transport.http.routes.reads import read_lists, unless_known
from transport.wire.problems import QUOTA_EXCEEDED, unavailable

A = TypeVar("A")

_DECODER: Final = msgspec.json.Decoder(ListRequest)


class CatalogueRoutes:
    """The catalogue of lists; what is in one is read and written as the watchlist is. Thread: the event loop."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def lists(self, request: HttpRequest) -> Response:
        """Return the user's lists."""
        claims = await authenticated(request, self._deps.authenticator)
        self._deps.quotas.acquire_read(claims.user_id, self._deps.now_s())
        found = await read_lists(self._deps, claims.user_id)
        named = tuple(NamedList(one.list, one.name, one.revision) for one in found.lists)
        body = json_body(ListsResponse(epoch=found.epoch, lists=named))
        return unless_known(request, body, tag_of(body))

    async def put(self, request: HttpRequest) -> Response:
        """Name the list that the path says, and create it if there is none."""
        claims, list_id = await self._of_list(request)
        name = decode(_DECODER.decode, await read_body(request, MAX_WRITE_BYTES, self._deps.authenticator)).name
        pending: LoopFuture[ListPut | WriteFailed] = LoopFuture()
        self._deps.journal(PutList(claims.user_id, list_id, name, self._telling(claims.user_id, pending)))
        put = await self._done(pending)
        if put.problem is not None:
            raise Problem(HTTPStatus.CONFLICT, put.problem, code=QUOTA_EXCEEDED, field="list")
        status = HTTPStatus.CREATED if put.is_new else HTTPStatus.OK
        return json_response(NamedList(list_id, name, put.revision), status)

    async def delete(self, request: HttpRequest) -> Response:
        """Delete the list that the path says, with all that is in it."""
        claims, list_id = await self._of_list(request)
        pending: LoopFuture[ListDeleted | WriteFailed] = LoopFuture()
        telling = self._telling(claims.user_id, pending)

        def answer(done: ListDeleted | WriteFailed) -> None:
            telling(done)
            if isinstance(done, ListDeleted) and done.revision is not None:
                moved = HeadMoved(done.revision, origin="", collection=collection_named(list_id))
                self._deps.announce(claims.user_id, moved)

        self._deps.journal(DeleteList(claims.user_id, list_id, answer))
        if (await self._done(pending)).revision is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"list: there is no list {list_id}.")
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _of_list(self, request: HttpRequest) -> tuple[Claims, str]:
        claims = await authenticated(request, self._deps.authenticator)
        collection_named(request.last_segment)
        self._deps.quotas.acquire_messages(claims.user_id, 1, self._deps.now_s())
        return claims, request.last_segment

    def _telling(self, user_id: str, pending: LoopFuture[A | WriteFailed]) -> Tell[A | WriteFailed]:
        """Return what answers ``pending`` and has those who follow told, even if nobody waits for the answer now."""

        def answer(done: A | WriteFailed) -> None:
            if isinstance(done, ListPut | ListDeleted) and done.is_done:
                self._deps.show_lists(ShowLists(user_id))
            pending.set(done)

        return answer

    async def _done(self, pending: LoopFuture[A | WriteFailed]) -> A:
        done = await with_deadline(pending, self._deps.answer_timeout_s)
        if isinstance(done, WriteRefused):
            raise too_many(f"{done.reason}.", RETRY_AFTER_S)
        if isinstance(done, WriteFailed):
            raise unavailable(done.reason, RETRY_AFTER_S)
        return done
