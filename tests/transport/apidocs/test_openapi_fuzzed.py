"""The OpenAPI document, as Schemathesis reads it, and the daemon's answers by it; `make unit` does not collect this."""

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.specs.openapi.checks import negative_data_rejection

from tests.daemon import FILM, ROOT, SECRET, WATCHLIST, DaemonProcess
from tests.transport.apidocs.beyond_schemas import BEYOND_SCHEMAS
from transport.access.minting import mint
from transport.apidocs.openapi import openapi_document
from transport.http.streams.stream_route import STREAM
from transport.wire.query import MAX_POLL_S

FEW: Final = 10
EXAMPLES: Final = int(os.environ.get("SYNCD_TEST_EXAMPLES", FEW))
"""Of each operation; the few are always the same ones."""


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """Return ``document``, but of streams there are only polls, which need ``since``, and in bulks nothing wrong."""
    document = copy.deepcopy(document)
    parameters = {one["name"]: one for one in document["paths"][STREAM]["get"]["parameters"]}
    parameters["since"]["required"] = True
    operations = document["components"]["schemas"]["BulkRequest"]["properties"]["operations"]
    operations["items"]["anyOf"].remove({"$ref": "#/components/schemas/OtherOperation"})
    return document


def end_at_once(case: schemathesis.Case[Any]) -> None:
    """Make a poll of a stream, and wait for nothing in one."""
    if case.path == STREAM and str(case.query.get("poll", 0)) in map(str, range(MAX_POLL_S + 1)):
        case.query["poll"] = 0


def operator(user: str) -> str:
    """Return the header of an operator, who may do everything."""
    return f"Bearer {mint(SECRET, user, 'console', 86400, scope='syncd:admin')}"


HEADERS: Final = {"Authorization": operator("fuzzed")}
"""Told to Schemathesis twice, for what it generates and for how it judges."""
CONFIG: Final = schemathesis.Config.from_dict({"headers": HEADERS})
DOCUMENT: Final = openapi_document("1")
SCHEMA: Final = schemathesis.openapi.from_dict(narrowed(DOCUMENT), config=CONFIG)


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
    "additional_checks": [invalid_data_is_refused],
    "excluded_checks": [negative_data_rejection],
}
"""By all checks of Schemathesis, one of them in the form above; what ``beyond_schemas`` names is left out."""


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
def test_requests_that_use_what_was_answered_before_are_answered_as_documented(daemon: DaemonProcess) -> None:
    class Session(SCHEMA.as_state_machine()):  # type: ignore[misc]  # mypy knows no class that is made
        def setup(self) -> None:
            """Begin as a user who has nothing: what is drawn depends on what was answered, and must come again."""
            self.headers = {"Authorization": operator(f"fuzzed-{uuid4()}")}

        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            end_at_once(case)
            return {"base_url": daemon.url, "headers": self.headers}

        def validate_response(self, response: Any, case: schemathesis.Case[Any], **_: Any) -> None:
            sent = {"base_url": daemon.url, "headers": self.headers}
            case.validate_response(
                response, headers=self.headers, recorder=self.recorder, transport_kwargs=sent, **JUDGED
            )

    Session.run(settings=settings(budget(EXAMPLES // 2), stateful_step_count=5))


@pytest.mark.integration
def test_schemathesis_as_anybody_runs_it_finds_nothing(daemon: DaemonProcess, user: str) -> None:
    st = str(Path(sys.executable).with_name("st"))
    command = [st, "run", f"{daemon.url}/openapi.json", "--checks", "all", "-H", f"Authorization: {operator(user)}"]
    done = subprocess.run(
        [*command, "--max-examples", "1", "--seed", "1", "--no-color"], cwd=ROOT, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Filtered: " in done.stdout


STAMP: Final = {"physical": 4_000_000_000_000, "logical": 0, "node": "phone"}
FIRST: Final = {"operation": "add", "content_id": FILM, "operation_id": "o1", "tag": "t1"}
OTHER: Final = {"operation": "add", "content_id": "0b0e6a4e-52a5-4a5b-9a1f-000000000002"}
CONSOLE: Final = {"collection": "devices", "operation": "update", "device_id": "console"}
LONG: Final = {"n": "x" * 1024}
PAYLOAD: Final = {"target_device_id": "tv", "command_type": "play", "payload": [LONG] * 4}
HANDOFF: Final = {"target_device_id": "console", "content_id": FILM}
REFUSED: Final[tuple[tuple[str, str, Any], ...]] = (
    ("GET", f"{WATCHLIST}?cursor=e.1.1.1", None),
    ("GET", f"{STREAM}?poll=0", None),
    ("GET", f"{STREAM}?since=1&since=watchlist:1", None),
    ("POST", WATCHLIST, OTHER | {"data": LONG}),
    ("PUT", "/api/v1/devices/console", {"capabilities": LONG}),
    ("POST", "/api/v1/devices/commands", PAYLOAD),
    ("POST", WATCHLIST, OTHER | {"timestamp": STAMP}),
    ("POST", "/api/v1/admin/revoke", {"token_id": "t", "expires_at": 1}),
    ("POST", WATCHLIST, OTHER | {"operation_id": "o1"}),
    ("POST", WATCHLIST, OTHER | {"tag": "t1"}),
    ("POST", "/api/v1/devices/handoff", HANDOFF),
)
"""A request for each of ``BEYOND_SCHEMAS``, in its order: after a write of ``FIRST``, by a device that is offline."""


@pytest.mark.integration
async def test_what_is_beyond_schemas_is_refused_as_it_says(daemon: DaemonProcess, user: str) -> None:
    async with aiohttp.ClientSession(daemon.url, headers={"Authorization": operator(user)}) as http:
        async with http.post("/api/v1/sync/operations", json={"operations": [FIRST, CONSOLE]}) as response:
            assert [result["success"] for result in (await response.json())["results"]] == [True, True]
        for (status, beginning, _, _), (method, path, body) in zip(BEYOND_SCHEMAS, REFUSED, strict=True):
            async with http.request(method, path, json=body) as response:
                problem = await response.json(content_type=None)
            assert (response.status, problem["detail"][: len(beginning)]) == (status, beginning)
