"""What an object keeps in memory: what serves users for months must forget each of them."""

import gc
from types import FunctionType, ModuleType


def strings_kept_by(root: object) -> set[str]:
    """Return every string that is reachable from ``root``, but for what modules, classes and functions have."""
    seen: dict[int, object] = {}
    ahead = [root]
    while ahead:
        kept = ahead.pop()
        if id(kept) not in seen and not isinstance(kept, ModuleType | type | FunctionType):
            seen[id(kept)] = kept
            ahead += gc.get_referents(kept)
            if isinstance(kept, dict):
                ahead += kept  # the collector does not look at keys that are strings
    return {kept for kept in seen.values() if isinstance(kept, str)}
