"""Requests that are right by every schema of the OpenAPI document and are refused all the same, each with its reason.

Schemathesis reports them. `schemathesis.toml` has `st run` load this file, and the tests import it: then it leaves them
out, and reports any other refusal. So it is with a deleted list, which is read as an empty one.
"""

from typing import Any, Final

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

_LISTINGS: Final = ("readWatchlist", "readList", "readProgress")
_LIST_WRITES: Final = ("writeWatchlist", "writeList")
_WRITES: Final = (*_LIST_WRITES, "writeProgress")
_COMMANDS: Final = ("handOff", "sendCommand")
_SIZE: Final = "a schema does not know how long a whole value is as JSON, nor bounds each number in it"
_USED: Final = "a schema does not know for what it was used before"

BEYOND_SCHEMAS: Final = (
    (410, "cursor: this listing cannot be continued", _LISTINGS, "a cursor that is made up is of no listing"),
    (400, "poll: needs since", ("stream",), "a parameter's schema says nothing of another one"),
    (400, "since: ", ("stream",), "an array's schema compares whole values: a collection is named twice"),
    (400, "data: ", _LIST_WRITES, _SIZE),
    (400, "The body is not as documented: capabilities: ", ("putDevice",), _SIZE),
    (400, "The body is not as documented: payload: ", ("sendCommand",), _SIZE),
    (400, "timestamp: ", _WRITES, "a schema does not know what time it is"),
    (400, "expires_at: ", ("revoke",), "the same: that is in the past"),
    (400, "operation_id ", _WRITES, _USED),
    (400, "tag ", _LIST_WRITES, _USED),
    (400, "target_device_id: ", _COMMANDS, "a schema does not know which devices are connected"),
)
"""The status, how the detail begins, the operations, and why no schema can say it."""


@schemathesis.hook
def filter_failure(
    _context: schemathesis.HookContext,
    failure: Failure,
    case: schemathesis.Case[Any],
    response: schemathesis.Response,
) -> bool:
    """Return whether ``failure`` is one."""
    match failure:
        case RejectedPositiveData():
            return not _is_beyond_schemas(case, response)
        case UseAfterFree():
            return not _is_an_empty_list(case, response)
        case _:
            return True


def _is_beyond_schemas(case: schemathesis.Case[Any], response: schemathesis.Response) -> bool:
    detail = response.json()["detail"]
    return any(
        response.status_code == status and detail.startswith(beginning) and _name(case) in operations
        for status, beginning, operations, _ in BEYOND_SCHEMAS
    )


def _is_an_empty_list(case: schemathesis.Case[Any], response: schemathesis.Response) -> bool:
    """Return whether that is all there is of a list that was deleted: to read, it is as one that was never created."""
    page = response.json() if response.content else {}  # 304
    return _name(case) == "readList" and not (page.get("items") or page.get("changes"))


def _name(case: schemathesis.Case[Any]) -> str:
    name: str = case.operation.definition.raw["operationId"]
    return name
