"""The OpenAPI document is valid, its examples are true, and the running daemon does what it says."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import aiohttp
import jsonschema_rs
import pytest

from tests.daemon import SECRET, DaemonProcess, bearer
from transport.access.minting import mint
from transport.apidocs.openapi import openapi_document

DOCUMENT = openapi_document("1")
OPERATIONS = [
    (path, method, operation)
    for path, by_method in DOCUMENT["paths"].items()
    for method, operation in by_method.items()
]


def problems_of(value: object, schema: dict[str, Any]) -> list[str]:
    """What is wrong with ``value`` by a schema of the document."""
    validator = jsonschema_rs.Draft202012Validator(
        schema | {"components": DOCUMENT["components"]}, validate_formats=True
    )
    return [error.message for error in validator.iter_errors(value)]


def operator(user: str) -> dict[str, str]:
    """The header that opens everything in the document."""
    return {"Authorization": f"Bearer {mint(SECRET, user, 'console', 3600, scope='syncd:admin')}"}


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def test_every_example_is_what_its_schema_says() -> None:
    examples = [
        (example["value"], media["schema"])
        for media in nodes(DOCUMENT)
        if "examples" in media and "schema" in media
        for example in media["examples"].values()
    ]
    assert len(examples) > 15
    for value, schema in examples:
        assert problems_of(value, schema) == []
    for _, _, operation in OPERATIONS:
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                assert problems_of(parameter["example"], parameter["schema"]) == []


def test_references_are_to_whole_components_as_generators_want_them() -> None:
    found = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    assert len(found) > 100
    for reference in found:
        _, components, kind, name = reference.split("/")
        assert (components, name in DOCUMENT["components"][kind]) == ("components", True)


def test_no_field_has_a_default_which_generators_take_for_always_there() -> None:
    fields = [
        field for node in nodes(DOCUMENT["components"]["schemas"]) for field in node.get("properties", {}).values()
    ]
    assert len(fields) > 100
    assert not any("default" in field for field in fields)


def test_links_lead_to_parameters_of_operations() -> None:
    operations = {operation["operationId"]: operation for _, _, operation in OPERATIONS}
    links = [link for node in nodes(DOCUMENT) for link in node.get("links", {}).values()]
    assert links
    for link in links:
        names = {parameter["name"] for parameter in operations[link["operationId"]]["parameters"]}
        assert link["parameters"].keys() <= names


def test_the_paths_are_below_the_prefix_of_a_proxy() -> None:
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/"]
    assert [server["url"] for server in openapi_document("1", "/below")["servers"]] == ["/below", "/"]


def test_every_operation_has_a_name_of_its_own_and_documented_answers() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    for path, method, operation in OPERATIONS:
        assert operation["summary"]
        done = "204" if method == "delete" else "200"
        assert {done, "400", "408", "431", "500"} <= set(operation["responses"]), (path, method)
        assert ("401" in operation["responses"]) is ("security" in operation)
        assert all(HTTPStatus(int(status)) for status in operation["responses"])


@pytest.mark.integration
async def test_the_daemon_serves_the_document_and_every_get_in_it(daemon: DaemonProcess, user: str) -> None:
    async with aiohttp.ClientSession(daemon.url) as http:
        async with http.get("/openapi.json") as response:
            served = await response.json()
        assert served | {"info": DOCUMENT["info"]} == DOCUMENT
        for path, method, operation in OPERATIONS:
            if method == "get":
                needed = [one for one in operation.get("parameters", []) if one.get("required")]
                given = {parameter["name"]: parameter["example"] for parameter in needed}
                query = {parameter["name"]: parameter["example"] for parameter in needed if parameter["in"] == "query"}
                async with http.get(path.format(**given), params=query, headers=operator(user)) as response:
                    assert response.status == 200
                    assert response.content_type in operation["responses"]["200"]["content"]


@pytest.fixture(scope="module")
def impatient_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Lets each user write and read once in ten seconds."""
    rates = ("--messages-per-second", "0.1", "--message-burst", "1", "--reads-per-second", "0.1", "--read-burst", "1")
    daemon = DaemonProcess(tmp_path_factory.mktemp("impatient"), *rates)
    yield daemon
    daemon.stop()


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/api/v1/sync/watchlist", "/api/v1/sync/operations"])
async def test_a_user_who_writes_too_much_is_told_as_documented(
    impatient_daemon: DaemonProcess, user: str, path: str
) -> None:
    operation = DOCUMENT["paths"][path]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    (example,) = [example["value"] for example in content["examples"].values()]
    documented = DOCUMENT["components"]["responses"]["429"]
    assert operation["responses"]["429"] == {"$ref": "#/components/responses/429"}
    async with aiohttp.ClientSession(impatient_daemon.url, headers=bearer(user)) as http:
        async with http.post(path, json=example) as response:
            assert response.status == 200
        async with http.post(path, json=example) as response:
            assert response.status == 429
            assert (
                problems_of(int(response.headers["Retry-After"]), documented["headers"]["Retry-After"]["schema"]) == []
            )
            assert problems_of(await response.json(), documented["content"][response.content_type]["schema"]) == []


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/api/v1/sync/watchlist", "/api/v1/sync/last_activities"])
async def test_a_user_who_reads_too_much_is_told_as_documented(
    impatient_daemon: DaemonProcess, user: str, path: str
) -> None:
    documented = DOCUMENT["components"]["responses"]["429"]
    assert DOCUMENT["paths"][path]["get"]["responses"]["429"] == {"$ref": "#/components/responses/429"}
    async with aiohttp.ClientSession(impatient_daemon.url, headers=bearer(user)) as http:
        async with http.get(path) as response:
            assert response.status == 200
        async with http.get(path) as response:
            assert response.status == 429
            assert problems_of(await response.json(), documented["content"][response.content_type]["schema"]) == []


@pytest.mark.integration
async def test_the_admin_api_is_for_tokens_with_the_scope_as_documented(daemon: DaemonProcess, user: str) -> None:
    admin = [(path, method, operation) for path, method, operation in OPERATIONS if operation["tags"] == ["admin"]]
    assert len(admin) == 6
    documented = DOCUMENT["components"]["responses"]["403"]
    async with aiohttp.ClientSession(daemon.url, headers=bearer(user)) as http:
        for path, method, operation in admin:
            assert operation["responses"]["403"] == {"$ref": "#/components/responses/403"}
            async with http.request(method, path) as response:
                assert response.status == 403
                assert problems_of(await response.json(), documented["content"][response.content_type]["schema"]) == []
