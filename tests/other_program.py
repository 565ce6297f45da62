"""What another process does to a journal's files: an operator's shell, a backup, an accident."""

import subprocess
import sys
from pathlib import Path

from tests.timeouts import TIMEOUT_S


def execute_elsewhere(file: Path, *statements: str) -> None:
    """Execute each statement by itself on the database ``file``, as ``sqlite3 FILE`` does."""
    program = (
        "import sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "for statement in sys.argv[2:]: database.execute(statement).fetchall()\n"
    )
    subprocess.run([sys.executable, "-c", program, str(file), *statements], check=True, timeout=TIMEOUT_S)


def back_up(file: Path, copy: Path) -> None:
    """Copy the open database ``file`` as its documentation says: ``sqlite3 FILE '.backup COPY'``."""
    execute_elsewhere(file, f"VACUUM INTO '{copy}'")


def restore(copy: Path, file: Path) -> None:
    """Put ``copy`` into the open database ``file`` by SQLite's own means: ``sqlite3 FILE '.restore COPY'``."""
    program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", program, str(copy), str(file)], check=True, timeout=TIMEOUT_S)


def overwrite(copy: Path, file: Path) -> None:
    """``cp COPY FILE``: the file stays the same one, and what is in it does not."""
    subprocess.run(["cp", str(copy), str(file)], check=True, timeout=TIMEOUT_S)
