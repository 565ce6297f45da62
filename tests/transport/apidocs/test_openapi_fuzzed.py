"""The OpenAPI document, as Schemathesis reads it, and the daemon's answers by it; `make unit` does not collect this."""

import copy
import os
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.daemon import SECRET, DaemonProcess
from transport.access.minting import mint
from transport.apidocs.openapi import openapi_document
from transport.http.streams import STREAM
from transport.query import MAX_POLL_S

FEW: Final = 10
EXAMPLES: Final = int(os.environ.get("SYNCD_TEST_EXAMPLES", FEW))
"""Of each operation; the few are always the same ones."""

BEYOND_SCHEMAS: Final = {
    "cursor: this listing cannot be continued": "a cursor that is made up is of no listing",
    "cursor: continues a list, it cannot be combined with since": "a parameter's schema says nothing of another one",
    "poll: needs since": "the same",
    "snapshot_cursor: goes on with a list, it needs since": "the same",
    "since: watchlist must be given once": "an array's schema compares whole values",
    "since: list:": "the same",
    "data: ": "a schema does not know how long a whole value is as text",
    "timestamp: ": "a schema does not know what time it is",
    "expires_at: ": "the same: that is in the past",
    "operation_id ": "a schema does not know for what it was used before",
    "tag ": "the same",
    "target_device_id: ": "a schema does not know which devices there are",
    "The body is not as documented: capabilities: ": "a schema does not know how long a whole value is as text",
}
"""What refuses requests that are valid by all schemas: how the detail begins, and why no schema can say it."""


def for_polls(document: dict[str, Any]) -> dict[str, Any]:
    """Return ``document``, but that of streams there are only polls, which need ``since``."""
    document = copy.deepcopy(document)
    parameters = {one["name"]: one for one in document["paths"][STREAM]["get"]["parameters"]}
    parameters["since"]["required"] = True
    return document


def end_at_once(case: schemathesis.Case[Any]) -> None:
    """Make a poll of a stream, and wait for nothing in one."""
    if case.path == STREAM and str(case.query.get("poll", 0)) in map(str, range(MAX_POLL_S + 1)):
        case.query["poll"] = 0


HEADERS: Final = {"Authorization": f"Bearer {mint(SECRET, 'fuzzed', 'console', 86400, scope='syncd:admin')}"}
"""An operator's, who may do everything; told to Schemathesis twice, for what it generates and for how it judges."""
CONFIG: Final = schemathesis.Config.from_dict({"headers": HEADERS})
DOCUMENT: Final = openapi_document("1")
SCHEMA: Final = schemathesis.openapi.from_dict(for_polls(DOCUMENT), config=CONFIG)


def valid_data_is_accepted(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    if response.status_code in (400, 410) and response.json()["detail"].startswith(tuple(BEYOND_SCHEMAS)):
        return None
    return positive_data_acceptance(context, response, case)


def invalid_data_is_refused(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    try:
        return negative_data_rejection(context, response, case)
    except AcceptedNegativeData:  # a bulk is 200, and refuses each operation by its result
        if case.path == "/api/v1/sync/operations" and not all(one["success"] for one in response.json()["results"]):
            return None
        raise


JUDGED: Final[dict[str, Any]] = {
    "additional_checks": [valid_data_is_accepted, invalid_data_is_refused],
    "excluded_checks": [positive_data_acceptance, negative_data_rejection],
}
"""By all checks of Schemathesis, two of them in the form above."""


def budget(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=EXAMPLES == FEW,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def test_the_document_is_valid_openapi() -> None:
    SCHEMA.validate()
    assert DOCUMENT["openapi"].startswith("3.1.")


@pytest.mark.integration
@SCHEMA.parametrize()
@budget(EXAMPLES)
def test_whatever_is_sent_is_answered_as_documented(case: schemathesis.Case[Any], daemon: DaemonProcess) -> None:
    end_at_once(case)
    case.call_and_validate(base_url=daemon.url, headers=HEADERS, **JUDGED)


@pytest.mark.integration
def test_so_are_requests_that_use_what_was_answered_before(daemon: DaemonProcess) -> None:
    class Session(SCHEMA.as_state_machine()):  # type: ignore[misc]  # mypy knows no class that is made
        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            end_at_once(case)
            return {"base_url": daemon.url, "headers": HEADERS}

        def validate_response(self, response: Any, case: schemathesis.Case[Any], **_: Any) -> None:
            sent = {"base_url": daemon.url, "headers": HEADERS}
            case.validate_response(response, headers=HEADERS, recorder=self.recorder, transport_kwargs=sent, **JUDGED)

    Session.run(settings=settings(budget(EXAMPLES // 2), stateful_step_count=5))
