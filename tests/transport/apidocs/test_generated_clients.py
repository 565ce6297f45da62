"""Clients that others' generators make of the OpenAPI document do what it says, against a daemon."""

import importlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from tests import node
from tests.daemon import FILM, DaemonProcess, token
from transport.apidocs.openapi import openapi_document

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
DOCUMENT = openapi_document("1")
OPERATIONS = {operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()}
USES_IT = """
import { addAndRead } from "./client.js";
console.log(JSON.stringify(await addAndRead(...process.argv.slice(1))));
"""
REFUSAL = "limit: must be a whole number from 1 to 1000."


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


@pytest.fixture
def python_client(document: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The generated package."""
    monkeypatch.syspath_prepend(document.parent)
    config = Config.from_sources(
        ConfigFile(post_hooks=[]),  # which would format it
        MetaType.NONE,
        document_source=document,
        file_encoding="utf-8",
        overwrite=False,
        output_path=document.parent / "generated_client",
    )
    assert generate(config=config) == []
    yield importlib.import_module("generated_client")
    for name in [name for name in sys.modules if name.partition(".")[0] == "generated_client"]:
        del sys.modules[name]


def test_a_python_client_has_every_operation_and_works(
    python_client: ModuleType, daemon: DaemonProcess, user: str
) -> None:
    (directory,) = python_client.__path__
    modules = {path.stem for path in Path(directory, "api").glob("*/*.py")} - {"__init__"}
    assert modules == {re.sub("(?=[A-Z])", "_", name).lower() for name in OPERATIONS}

    def module(name: str) -> Any:
        return importlib.import_module(f"generated_client.{name}")

    models = module("models")
    with python_client.AuthenticatedClient(daemon.url, token(user)) as client:
        change = models.Change(models.ChangeOperation.ADD, FILM)
        written = module("api.watchlist.write_watchlist").sync(client=client, body=change)
        assert (written.status, written.revision) == ("added", 1)
        read_watchlist = module("api.watchlist.read_watchlist")
        page = read_watchlist.sync(client=client)
        assert [str(item.content_id) for item in page.items] == [FILM]
        changes = read_watchlist.sync(client=client, since="0")
        assert [update.unique_tag for update in changes.changes] == [written.unique_tag]
        refused = read_watchlist.sync_detailed(client=client, limit=1001)
    assert isinstance(refused.parsed, models.ProblemDetails)
    assert (refused.status_code, refused.parsed.detail) == (400, REFUSAL)


def test_a_typescript_client_has_every_operation_and_works(document: Path, daemon: DaemonProcess, user: str) -> None:
    node.install(HERE)
    project = document.parent
    shutil.copy(HERE / "client.ts", project)
    shutil.copy(HERE / "package.json", project)  # says that it is a module
    (project / "node_modules").symlink_to(HERE / "node_modules")
    tools = HERE / "node_modules" / ".bin"
    node.run(project, str(tools / "openapi-typescript"), "openapi.json", "--output", "schema.d.ts")
    types = (project / "schema.d.ts").read_text()
    assert set(re.findall(r'operations\["(\w+)"\]', types)) == OPERATIONS
    options = ("--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext")
    node.run(project, str(tools / "tsc"), *options, "client.ts")
    told = json.loads(
        node.run(project, "node", "--input-type=module", "--eval", USES_IT, daemon.url, token(user), FILM)
    )
    assert told["status"] == "added"
    assert [item["content_id"] for item in told["items"]] == [FILM]
    assert (told["problem"]["status"], told["problem"]["detail"]) == (400, REFUSAL)
