"""Statements: built once with SQLAlchemy Core, compiled once for each database, executed on the driver's own cursor.

SQLAlchemy's own execution costs a commit more than the database does. Here a statement is a text with places in it,
parameters are tuples, and so are rows.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ClauseElement, Dialect, Select, text
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import SQLCompiler

Row = tuple[Any, ...]
"""Values in the order of a table's columns, or of what a statement selects."""


class Statement:
    """One statement, for whichever database.

    Args:
        clause: built with SQLAlchemy Core. A ``bindparam`` without a value, or a column of an ``insert``, is a
            parameter; other values are constants.
        parameters: the names of all parameters, in the order in which they will be given; by default that of the text:
            for an ``insert`` the order of the table's columns.
    """

    def __init__(self, clause: ClauseElement, *parameters: str) -> None:
        self._clause = clause
        self._parameters = parameters
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, dialect: Dialect) -> "Compiled":
        """Return the statement in ``dialect``, whose places have no names.

        Raises:
            KeyError: the order of parameters lacks one.
        """
        try:
            return self._compiled[dialect.name]
        except KeyError:
            compiled = self._compiled[dialect.name] = _compile(self._clause, dialect, self._parameters)
            return compiled


class Compiled(Struct, frozen=True):
    """A statement as a driver executes it."""

    text: str
    arrange: Callable[[Row], Row] | None
    """Puts the parameters into the order of the text's places; ``None``: they are in it already."""


def standard_sql(database: str, paramstyle: Literal["qmark", "format"]) -> Dialect:
    """Return what ``Statement.compiled`` writes for ``database``: SQL that both know, with the driver's places.

    SQLAlchemy's own two dialects, with all their types and drivers, would take 3 MB of each process.
    """
    dialect = DefaultDialect(paramstyle=paramstyle)
    dialect.name = database
    return dialect


def for_update(rows: Select[Any], *, skip_locked: bool = False) -> Select[Any]:
    """Return ``rows``, locked until the transaction ends; a transaction that writes to SQLite has locked the file.

    Args:
        rows: a query.
        skip_locked: leave out what others have locked, and do not wait for it.
    """
    return rows.suffix_with(text(f"FOR UPDATE{' SKIP LOCKED' if skip_locked else ''}"), dialect="postgresql")


def _compile(clause: ClauseElement, dialect: Dialect, parameters: tuple[str, ...]) -> Compiled:
    compiled = clause.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    places = compiled.positiontup or []
    constants = {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required}
    parameters = parameters or tuple(dict.fromkeys(name for name in places if name not in constants))
    number_of = {name: number for number, name in enumerate((*parameters, *constants))}
    return Compiled(
        str(compiled), _arrangement([number_of[name] for name in places], len(parameters), tuple(constants.values()))
    )


def _arrangement(order: list[int], given: int, constants: Row) -> Callable[[Row], Row] | None:
    """Return what puts ``given`` parameters and the ``constants`` behind them into ``order``."""
    if order == list(range(given)):
        return None
    if len(order) == 1:
        (only,) = order
        return lambda parameters: ((*parameters, *constants)[only],)
    pick = itemgetter(*order)
    return lambda parameters: pick((*parameters, *constants))
