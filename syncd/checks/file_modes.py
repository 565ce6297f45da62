"""Who may read a file, by its mode."""

from pathlib import Path

GROUP_AND_OTHERS = 0o077
"""Any right of the file's group or of everyone."""
READABLE_BY_EVERYONE = 0o004


def others_may_access(file: Path) -> bool:
    """Return whether anyone but its owner has any right to ``file``."""
    return bool(file.stat().st_mode & GROUP_AND_OTHERS)


def everyone_may_read(file: Path) -> bool:
    """Return whether every user of this machine may read ``file``."""
    return bool(file.stat().st_mode & READABLE_BY_EVERYONE)
