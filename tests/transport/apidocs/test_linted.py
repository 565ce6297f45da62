"""What the linters and validators of others say of the documents: nothing."""

import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from tests import node
from tests.daemon import DaemonProcess
from transport.apidocs.openapi import openapi_document

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent


def test_openapi_spec_validator_takes_the_openapi_document() -> None:
    validate(openapi_document("1"))


def test_the_lock_file_of_the_linters_records_no_address() -> None:
    node.assert_no_address(HERE)


def test_spectral_and_the_asyncapi_parser_say_nothing_of_the_documents(daemon: DaemonProcess) -> None:
    node.install(HERE)
    assert json.loads(node.run(HERE, "node", "lint.js", daemon.url)) == {"openapi": [], "asyncapi": []}
