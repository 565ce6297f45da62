"""Writes beside a connection that only reads: ``POST /api/v1/sync/operations``, and its answer as messages."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct

from syncd_client.core.close_policy import delay_ms
from syncd_client.data.hlc import NEVER, Timestamp
from syncd_client.data.messages import Ack, AnyWrite, Error
from syncd_client.data.register_messages import RegisterWrite

PATH: Final = "/api/v1/sync/operations"
MAX_BYTES: Final = 32 << 10
"""In one request: a link of 2 KiB/s takes half of the 30 s in which a service wants it, and a client its answer."""


class _Result(Struct):
    status: str
    revision: int | None = None
    timestamp: Timestamp = NEVER
    detail: str = ""
    code: str | None = None
    field: str | None = None


class _Results(Struct):
    results: list[_Result]


_decoder: Final = msgspec.json.Decoder(_Results)


def body_of(writes: Sequence[AnyWrite]) -> bytes:
    """Return the request's body."""
    return msgspec.json.encode({"operations": [_operation(write) for write in writes]})


def count_that_fits(writes: Sequence[AnyWrite]) -> int:
    """Return how many of ``writes``, from the first on, one request takes; the first one, whatever its size."""
    size_bytes = 0
    for count, write in enumerate(writes):
        size_bytes += len(msgspec.json.encode(_operation(write)))
        if size_bytes > MAX_BYTES and count > 0:
            return count
    return len(writes)


def answers(
    writes: Sequence[AnyWrite], status: int, retry_after_s: float, body: bytes, *, is_own: bool
) -> list[Ack | Error] | None:
    """Return what the service says to each of ``writes``; ``None``: it says nothing that a client could act on.

    ``is_own``: the answer is in the service's form; an intermediary may not put writes off for as long.
    """
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        after_ms = delay_ms(retry_after_s, is_own=is_own) or None
        return [Error("try_again_later", id=write.id, retry_after_ms=after_ms) for write in writes]
    if status != HTTPStatus.OK:
        return None
    try:
        results = _decoder.decode(body).results
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if len(results) != len(writes):
        return None
    return [_answer(write, result) for write, result in zip(writes, results, strict=True)]


def _operation(write: AnyWrite) -> object:
    if not isinstance(write, RegisterWrite):
        return write
    said = msgspec.to_builtins(write)
    del said["type"], said["id"]
    return {"collection": write.collection, **said}


def _answer(write: AnyWrite, result: _Result) -> Ack | Error:
    match result.status:
        case "not_found":
            return Error("not_found", id=write.id)
        case "refused":
            return Error(result.code or "refused", result.detail, write.id, result.field)
        case status:
            return Ack(status, write.id, result.revision, result.timestamp)
