"""Whose fault a database's failure is: the value's, the moment's, or our SQL's.

Only a value's fault is final, because it makes a device drop its change. So that has to be proven by the error's code;
whatever else a database, a pooler or a driver says passes for the moment's.
"""

from types import ModuleType

from actors.errors import StatementRefused, StoreUnavailable, ValueRefused

_VALUE_CLASSES = ("22", "23", "54")
"""SQLSTATE: data exception, integrity constraint violation, program limit exceeded (too long for an index)."""

_FOREIGN_SCHEMA = {
    "22001",  # longer than its column: ours have no length
    "22P02",  # no text of the column's type: ours are text and numbers
    "23502",  # NULL in a column: we never leave out one of ours
    "23503",  # a foreign key: we have none
    "23514",  # a check: we have none
    "0A000",  # the result's type has changed
}
"""SQLSTATE: what no value can cause in our own tables, because somebody else has altered them."""

_INSUFFICIENT_PRIVILEGE = "42501"


def fault(error: Exception, backend: str, driver: ModuleType) -> ValueRefused | StoreUnavailable:
    """Return what ``error`` means to whoever asked for the transaction; its text is one line, without a row's values.

    Args:
        error: ``driver.Error``, of either database.
        backend: the database's name, for the text.
        driver: a module with the exceptions of PEP 249.
    """
    text = f"{backend}: {_text(error)}"
    # psycopg's errors have a SQLSTATE, sqlite3's a code; those that a driver raises by itself have neither.
    sqlstate = getattr(error, "sqlstate", None)
    sqlite_code = getattr(error, "sqlite_errorcode", None)
    if sqlstate is not None:
        return _of_sqlstate(sqlstate)(text)
    if sqlite_code is not None:
        return _of_sqlite_code(sqlite_code, driver)(text)
    return _of_driver(error, driver)(text)


def _text(error: Exception) -> str:
    diagnostics = getattr(error, "diag", None)
    message = getattr(diagnostics, "message_primary", None) or str(error)
    return " ".join(message.split())


def _of_sqlstate(sqlstate: str) -> type[ValueRefused | StoreUnavailable]:
    if sqlstate in _FOREIGN_SCHEMA:
        return StatementRefused
    if sqlstate.startswith(_VALUE_CLASSES):
        return ValueRefused
    if sqlstate.startswith("42") and sqlstate != _INSUFFICIENT_PRIVILEGE:
        return StatementRefused
    return StoreUnavailable


def _of_sqlite_code(code: int, sqlite: ModuleType) -> type[ValueRefused | StoreUnavailable]:
    foreign_schema = {
        sqlite.SQLITE_CONSTRAINT_NOTNULL,
        sqlite.SQLITE_CONSTRAINT_CHECK,
        sqlite.SQLITE_CONSTRAINT_FOREIGNKEY,
    }
    primary = code & 0xFF  # the rest of an extended code says more
    if code in foreign_schema or primary in {sqlite.SQLITE_ERROR, sqlite.SQLITE_MISUSE, sqlite.SQLITE_RANGE}:
        return StatementRefused
    if primary in {sqlite.SQLITE_CONSTRAINT, sqlite.SQLITE_TOOBIG, sqlite.SQLITE_MISMATCH}:
        return ValueRefused
    return StoreUnavailable


def _of_driver(error: Exception, driver: ModuleType) -> type[ValueRefused | StoreUnavailable]:
    if isinstance(error, driver.DataError):  # a NUL, which PostgreSQL's texts cannot hold
        return ValueRefused
    if isinstance(error, (driver.InterfaceError, driver.NotSupportedError, driver.ProgrammingError)):
        return StatementRefused
    return StoreUnavailable
