"""The signing secret of a daemon without a configured key: made once, kept in the data directory."""

import os
import secrets
from pathlib import Path

FILE_NAME = "jwt-secret"


def kept_secret(data_dir: Path) -> str:
    """Return the secret in ``data_dir``, which must exist; the first call makes it, readable by its owner only.

    Raises:
        OSError: the directory does not exist, or cannot be read or written.
        ValueError: see ``found_secret``.
    """
    path = data_dir / FILE_NAME
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return found_secret(data_dir)
    with os.fdopen(descriptor, "w") as file:
        secret = new_secret()
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    return secret


def new_secret() -> str:
    """Return a secret that nobody knows, long enough for each algorithm."""
    return secrets.token_urlsafe(48)


def found_secret(data_dir: Path) -> str:
    """Return the secret in ``data_dir``, and make none.

    Raises:
        OSError: there is none (FileNotFoundError), or it cannot be read.
        ValueError: the file is empty, or holds something else.
    """
    path = data_dir / FILE_NAME
    secret = path.read_text(encoding="utf-8-sig").strip()
    if not secret:
        raise ValueError(f"{path} is empty; without it, the next start makes another secret")
    return secret
