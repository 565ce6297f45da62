"""The URL of the journal's database: a SQLite file, or a PostgreSQL server as libpq reads it."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

_NO_URL = (
    "this is not the URL of a database: write sqlite:///path or postgresql://user:password@host/database,"
    " with special characters of the password percent-encoded"
)


def sqlite_url(file: Path) -> str:
    """Return the URL of ``file``, whatever characters its path has."""
    return f"sqlite:///{quote(os.fsencode(file))}"


def sqlite_file(url: str) -> Path | None:
    """Return the file that ``url`` names; ``None``: it names a PostgreSQL server.

    Raises:
        ValueError: it names no file, or another kind of database. The text quotes nothing of what is no URL.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError(_NO_URL)
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return None
    if scheme != "sqlite":
        raise ValueError(f"the journal needs sqlite or postgresql, not {scheme!r}")
    path, has_options, options = rest.partition("?")
    if has_options:
        raise ValueError(f"a SQLite URL has no options: {options.partition('=')[0]!r} (a path's ? is written %3F)")
    if not path.startswith("/") or path in ("/", "/:memory:"):
        raise ValueError("the journal needs a file: write sqlite:///path")
    return Path(os.fsdecode(unquote_to_bytes(path[1:])))


def postgresql_parameters(url: str) -> dict[str, Any]:
    """Return the connection parameters in a PostgreSQL ``url``, by libpq's names.

    Raises:
        ImportError: psycopg or libpq is not installed.
        ValueError: it is no such URL, or an option is unknown. The text quotes nothing that may be a password.
    """
    # Imported here: SQLite needs none of it.
    from psycopg import ProgrammingError  # noqa: PLC0415
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
    from psycopg.pq import Conninfo  # noqa: PLC0415

    rest = url.partition("://")[2]
    known = {option.keyword.decode() for option in Conninfo.get_defaults()} | {"ssl"}  # JDBC's word for sslmode
    names = [field.partition("=")[0] for field in rest.rpartition("@")[2].partition("?")[2].split("&")]
    for name in filter(None, names):
        if name not in known:
            raise ValueError(f"PostgreSQL has no option {name!r}: libpq's connection parameters may follow the ?")
    try:
        parameters = conninfo_to_dict(f"postgresql://{rest}")
    except ProgrammingError:  # its text may hold a part of the password
        raise ValueError(_NO_URL) from None
    database = rest.partition("/")[2].partition("?")[0]
    ports = str(parameters.get("port", "")).split(",")
    if "@" in database or "@" in str(parameters.get("host", "")) or not all(port.isdigit() for port in ports if port):
        raise ValueError(_NO_URL)  # a password with an @ or a /
    return parameters
