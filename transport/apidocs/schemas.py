"""What both documents have: a word on the service, and the schemas of types."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from actors.messages.content_ids import ContentId, ContentIdKind, ContentIds
from actors.messages.names import Name

_CONTENT_ID: Final = msgspec.json.schema(ContentId)
_OF_KIND: Final[dict[ContentIdKind, Any]] = {"uuid": _CONTENT_ID, "text": msgspec.json.schema(Name)}

ABOUT: Final = "Keeps a watchlist, other lists and playback positions the same on every device their owner has."


def schemas_of(types: Iterable[type], content_ids: ContentIds) -> dict[str, Any]:
    """Return the schema of each of ``types`` and of their parts, by name, with the kind of ids that is accepted."""
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    with_ids: dict[str, Any] = _with_ids(schemas, _OF_KIND[content_ids.kind])
    return with_ids


def _with_ids(schema: Any, of_kind: Any) -> Any:
    if schema == _CONTENT_ID:
        return of_kind
    if isinstance(schema, dict):
        return {name: _with_ids(part, of_kind) for name, part in schema.items()}
    return [_with_ids(part, of_kind) for part in schema] if isinstance(schema, list) else schema
