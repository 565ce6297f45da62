"""Values that stand in the examples of both documents."""

from typing import Any, Final

CONTENT_ID: Final = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
EPOCH: Final = "9f86d081"
STAMP: Final[dict[str, Any]] = {"physical": 1764000000000, "logical": 0, "node": "a1b2c3d4"}
