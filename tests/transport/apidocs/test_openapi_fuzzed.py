"""The OpenAPI document, as Schemathesis reads it, and the daemon's answers by it; `make unit` does not collect this."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.daemon import SECRET, DaemonProcess
from transport.access.minting import mint
from transport.apidocs.openapi import openapi_document
from transport.http.streams import STREAM

DOCUMENT = openapi_document("1")
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS: list[schemathesis.CheckFunction] = [
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]


def test_the_document_is_valid_openapi() -> None:
    SCHEMA.validate()
    assert DOCUMENT["openapi"].startswith("3.1.")


@pytest.mark.integration
@SCHEMA.exclude(path=STREAM).parametrize()  # which does not end: tests/syncd/test_streams.py
@settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_is_answered_as_documented(case: schemathesis.Case[Any], daemon: DaemonProcess) -> None:
    is_judged_whole = case.path != "/api/v1/sync/operations"  # a bulk answers for each operation, in a 200
    checks = [check for check in CHECKS if is_judged_whole or check is not negative_data_rejection]
    operator = {"Authorization": f"Bearer {mint(SECRET, 'fuzzed', 'console', 3600, scope='syncd:admin')}"}
    case.call_and_validate(base_url=daemon.url, headers=operator, checks=checks)
