"""The operator's part of the API document covers the admin API, and its examples are of the types it answers."""

from typing import Any

import msgspec
import pytest

from transport.apidocs.openapi_admin import ADMIN_TYPES, admin_paths

OPERATIONS: list[tuple[str, str, dict[str, Any]]] = [
    (path, method, operation) for path, methods in admin_paths().items() for method, operation in methods.items()
]
TYPES = {kind.__name__: kind for kind in ADMIN_TYPES}


def media_of(operation: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [operation["responses"]["200"], *filter(None, [operation.get("requestBody")])]
    return [part["content"]["application/json"] for part in parts]


def test_every_type_is_shown_by_some_operation() -> None:
    shown = {
        media["schema"]["$ref"].rpartition("/")[2] for *_, operation in OPERATIONS for media in media_of(operation)
    }
    assert shown == TYPES.keys()


@pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=lambda part: part if isinstance(part, str) else ""
)
def test_its_examples_decode_as_what_they_are_of(path: str, method: str, operation: dict[str, Any]) -> None:
    assert path.startswith("/api/v1/admin/")
    assert method == ("post" if "requestBody" in operation else "get")
    for media in media_of(operation):
        for name, example in media["examples"].items():
            msgspec.json.decode(msgspec.json.encode(example["value"]), type=TYPES[name], strict=True)


def test_who_is_no_operator_is_refused_everywhere() -> None:
    for _, _, operation in OPERATIONS:
        assert operation["security"] == [{"token": []}]
        assert {"401", "403"} <= operation["responses"].keys()
        assert ("415" in operation["responses"]) == ("requestBody" in operation)
    assert len({operation["operationId"] for *_, operation in OPERATIONS}) == len(OPERATIONS)
