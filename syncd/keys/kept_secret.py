"""The signing secret of a daemon without a configured key: made once, kept in the data directory."""

import os
import secrets
from pathlib import Path

FILE_NAME = "jwt-secret"


def kept_secret(data_dir: Path) -> str:
    """Return the secret in ``data_dir``, which must exist; the first call makes it, readable by its owner only.

    Raises:
        OSError: the directory does not exist, or cannot be read or written.
    """
    path = data_dir / FILE_NAME
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_urlsafe(48)
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    return secret
