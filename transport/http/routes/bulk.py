"""The route by which a device sends what it has queued: many writes at once, of whichever collections."""

from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from typing_extensions import override

from actors.messages.journal import Outcome, Status
from actors.messages.register_kinds import REGISTER_KINDS
from transport.access.authentication import Claims
from transport.errors import Problem
from transport.http.exchange.pending_answers import Answered, BulkAnswer
from transport.http.exchange.requests import (
    MAX_BULK_BYTES,
    BulkOperation,
    BulkRequest,
    DeviceOperation,
    ProgressOperation,
    decode,
)
from transport.http.exchange.responses import WriteResponse, register_response, write_response
from transport.http.routes.writes import WriteRoute

_BULK: Final = msgspec.json.Decoder(BulkRequest)
_OF_LIST: Final = msgspec.json.Decoder(BulkOperation)
_OF_REGISTERS: Final = msgspec.json.Decoder(ProgressOperation | DeviceOperation)

Operation = BulkOperation | ProgressOperation | DeviceOperation


class _Named(Struct):
    collection: object | UnsetType = UNSET


_NAMED: Final = msgspec.json.Decoder(_Named)
_REGISTERS: Final = tuple(REGISTER_KINDS)
_RULE: Final = (
    "collection: must be progress or devices; a change of a list names it as list, one of the watchlist names neither."
)


class OperationsRoute(WriteRoute):
    """Write many things; a bad operation leaves the rest alone."""

    max_bytes = MAX_BULK_BYTES

    @override
    def submit(self, claims: Claims, body: bytes, trace: str | None, answered: Answered) -> None:
        bulk = decode(_BULK.decode, body)
        self._acquire(claims, len(bulk.operations))
        judged = [self._operation_or_refusal(raw, index) for index, raw in enumerate(bulk.operations)]
        results = [one if isinstance(one, WriteResponse) else None for one in judged]
        answer = BulkAnswer(self._deadlines, answered, results)
        for index, one in enumerate(judged):  # all are told before the first is answered
            if isinstance(one, WriteResponse):
                continue
            change = one if isinstance(one, BulkOperation) else one.register_change()
            decide = partial(answer.decide, index, partial(_result, one))
            self._write(change, claims, trace, decide, one.collection)
        answer.finish_if_decided()

    def _operation_or_refusal(self, raw: msgspec.Raw, index: int) -> Operation | WriteResponse:
        """Return what ``raw`` asks for, or why it is refused. Raises: Problem, a 400: it is no object."""
        try:
            collection = _collection_in(raw)
            if collection is not UNSET and collection not in _REGISTERS:
                return WriteResponse(success=False, status=Status.REFUSED, detail=_RULE, field="collection")
            return self._change(_OF_LIST, raw) if collection is UNSET else self._change(_OF_REGISTERS, raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if not bytes(raw).startswith(b"{"):
                detail = f"The body is not as documented: Expected `object` - at `$.operations[{index}]`."
                raise Problem(HTTPStatus.BAD_REQUEST, detail) from None
            return WriteResponse(success=False, status=Status.REFUSED, detail=f"{error}.")


def _collection_in(raw: msgspec.Raw) -> object | UnsetType:
    # Most are of a list, and decoded only once. Where the text occurs it may be deeper within, or written with escapes.
    text = bytes(raw)
    return _NAMED.decode(raw).collection if b'"collection"' in text or b"\\" in text else UNSET


def _result(operation: Operation, outcome: Outcome) -> WriteResponse:
    if isinstance(operation, BulkOperation):
        return write_response(operation, outcome)
    return register_response(operation, outcome)
