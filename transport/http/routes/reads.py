"""The routes that read a list: as pages, as changes since a revision, or only whether anything changed."""

from http import HTTPStatus
from typing import Final, TypeVar

from starlette.responses import Response

from actors.messages.collections import PROGRESS, WATCHLIST, line_of
from actors.messages.failures import ReadFailed, ReadRefused
from actors.messages.journal_reads import (
    Changes,
    ChangesExpired,
    Page,
    PageExpired,
    ReadChanges,
    ReadPage,
    RegisterPage,
)
from actors.messages.lists import Lists, ReadLists
from actors.runtime import LoopFuture
from transport.access.authentication import Claims
from transport.access.limits import too_many
from transport.errors import Problem
from transport.http.exchange.answer_deadlines import RETRY_AFTER_S, with_deadline
from transport.http.exchange.app import HttpRequest
from transport.http.exchange.etags import entity_tag, is_known, tag_of
from transport.http.exchange.long_answers import LongAnswer
from transport.http.exchange.requests import authenticated, collection_named
from transport.http.exchange.responses import (
    JSON_TYPE,
    LastActivities,
    ProgressPage,
    WatchlistChanges,
    WatchlistPage,
    json_body,
    progress_page,
    watchlist_changes,
    watchlist_page,
)
from transport.http.routes.deps import ApiDeps
from transport.http.routes.journal_head import journal_head
from transport.wire.problems import unavailable
from transport.wire.query import ListQuery, list_query

A = TypeVar("A")

OF_A_USER: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
"""The same URL is another list for another token."""


class ReadRoutes:
    """The list, and the revision it is at. Thread: the event loop."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def watchlist(self, request: HttpRequest) -> Response:
        """Return a page of the watchlist, or what changed."""
        return await self._list(request, WATCHLIST)

    async def list(self, request: HttpRequest) -> Response:
        """Return a page of the list that the path names, or what changed."""
        return await self._list(request, collection_named(request.last_segment))

    async def progress(self, request: HttpRequest) -> Response:
        """Return a page of what was played, or what changed."""
        return await self._list(request, PROGRESS)

    async def _list(self, request: HttpRequest, collection: str) -> Response:
        claims = await authenticated(request, self._deps.authenticator)
        query = list_query(request.query, has_states=collection == PROGRESS)
        self._deps.quotas.check_unread(claims.user_id)
        self._deps.quotas.acquire_read(claims.user_id, self._deps.now_s())
        if query.after is None and (unchanged := await self._unchanged(request, claims, collection)):
            return unchanged
        if query.since is None:
            return await self._page(claims.user_id, collection, query)
        pending: LoopFuture[Changes | ChangesExpired | ReadFailed] = LoopFuture()
        journal, epoch = self._deps.journal, query.epoch
        journal(ReadChanges(claims.user_id, query.since, query.limit, pending.set, epoch, collection=collection))
        match await with_deadline(pending, self._deps.answer_timeout_s):
            case ReadFailed() as failed:
                raise _read_problem(failed)
            case ChangesExpired(reason=reason):
                return await self._page(claims.user_id, collection, query, reason)
            case Changes() as changes:
                is_current = not changes.has_more
                return self._answer(claims.user_id, watchlist_changes(changes), is_current)

    async def last_activities(self, request: HttpRequest) -> Response:
        """Return the revision of each kind of data."""
        claims = await authenticated(request, self._deps.authenticator)
        self._deps.quotas.acquire_read(claims.user_id, self._deps.now_s())
        found = await read_lists(self._deps, claims.user_id)
        revisions = {one.list: one.revision for one in found.lists}
        body = json_body(LastActivities(found.watchlist, found.epoch, revisions or None, found.progress))
        has_others = revisions or found.progress
        return unless_known(request, body, tag_of(body) if has_others else entity_tag(found.epoch, found.watchlist))

    async def _unchanged(self, request: HttpRequest, claims: Claims, collection: str) -> Response | None:
        """Answer a condition from the head alone; ``None``: there is none, or it does not hold."""
        known = request.header(b"if-none-match")
        if not known:
            return None
        head = await journal_head(self._deps, line_of(claims.user_id, collection))
        etag = entity_tag(head.epoch, head.revision)
        return _not_modified(etag) if is_known(etag, known) else None

    async def _page(self, user_id: str, collection: str, query: ListQuery, reason: str | None = None) -> Response:
        pending: LoopFuture[Page | RegisterPage | PageExpired | ReadFailed] = LoopFuture()
        self._deps.journal(ReadPage(user_id, query.limit, pending.set, query.after, collection, query.state))
        match await with_deadline(pending, self._deps.answer_timeout_s):
            case ReadFailed() as failed:
                raise _read_problem(failed)
            case PageExpired():
                raise Problem(HTTPStatus.GONE, "cursor: this listing cannot be continued; start again without it.")
            case Page() as page:
                return self._answer(user_id, watchlist_page(page, reason), query.after is None)
            case RegisterPage() as page_of_progress:
                return self._answer(user_id, progress_page(page_of_progress, reason), query.after is None)

    def _answer(
        self, user_id: str, body: WatchlistPage | ProgressPage | WatchlistChanges, is_current: bool
    ) -> Response:
        """Return a list; only one that ends where the journal does has a tag to be compared with the journal's head."""
        tag = {"ETag": entity_tag(body.epoch, body.revision)} if is_current else {}
        return LongAnswer(json_body(body), OF_A_USER | tag, self._deps.quotas, user_id)


async def read_lists(deps: ApiDeps, user_id: str) -> Lists:
    """Return the user's lists. Raises: Problem, as ``read_answer``."""
    pending: LoopFuture[Lists | ReadFailed] = LoopFuture()
    deps.journal(ReadLists(user_id, pending.set))
    return await read_answer(deps, pending)


async def read_answer(deps: ApiDeps, pending: LoopFuture[A | ReadFailed]) -> A:
    """Return what the journal answers to a read. Raises: Problem, as ``_read_problem``; a 503, it does not answer."""
    answer = await with_deadline(pending, deps.answer_timeout_s)
    if isinstance(answer, ReadFailed):
        raise _read_problem(answer)
    return answer


def unless_known(request: HttpRequest, body: bytes, etag: str) -> Response:
    """Return ``body``, or nothing if the client has the answer with this ``etag``."""
    if is_known(etag, request.header(b"if-none-match")):
        return _not_modified(etag)
    return Response(body, headers=OF_A_USER | {"ETag": etag}, media_type=JSON_TYPE)


def _not_modified(etag: str) -> Response:
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=OF_A_USER | {"ETag": etag})


def _read_problem(failed: ReadFailed) -> Problem:
    """Return what the client is told: it is its own fault only if too many of its user's reads wait."""
    if isinstance(failed, ReadRefused):
        return too_many(f"{failed.reason}.", RETRY_AFTER_S)
    return unavailable(failed.reason, RETRY_AFTER_S)
