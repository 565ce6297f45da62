"""Rows that a list names: whose line and key are one of its pairs, or whose key is one of its values.

A statement has a fixed number of places, so there is one for each power of two up to ``MOST``: lists are cut and
padded.

``(line, key) IN (VALUES …)`` would be shorter, but SQLite scans the whole table for it; ``OR`` of equalities uses
the index in both databases.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, repeat
from typing import Any, Final, TypeVar

from sqlalchemy import BindParameter, Column, Dialect, and_, bindparam, or_, select

from storage.databases.database import Transaction
from storage.databases.statements import Row, Statement

MOST = 64
"""Places, or pairs of them. Measured with SQLite: a pair costs 5 µs in a statement of 1, 2.7 of 16, 2.6 of 64."""

SMALL_SIZES: Final = (1, 2, 4, 8, 16)
"""Lengths of lists whose statements are compiled at the start: usual batches have no longer ones."""

T = TypeVar("T")


def rows_in(transaction: Transaction, key: Column[Any], pairs: Sequence[tuple[str, str]]) -> Iterator[Row]:
    """Ask for the rows of ``key``'s table whose ``line`` and ``key`` are one of ``pairs``; yield them later."""
    if not pairs:
        return iter(())
    if len(pairs) == 1:  # as in most transactions of a quiet node: a fifth of the time
        results = [transaction.execute(_select(key, 1), pairs[0])]
    else:
        results = [
            transaction.execute(_select(key, len(chunk)), tuple(chain.from_iterable(chunk))) for chunk in chunks(pairs)
        ]
    return chain.from_iterable(result.fetchall() for result in results)


def compile_rows_in(dialect: Dialect, key: Column[Any]) -> None:
    """Compile what ``rows_in`` asks for lists of ``SMALL_SIZES``: a millisecond for 16."""
    for size in SMALL_SIZES:
        _select(key, size).compiled(dialect)


def chunks(values: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """Yield ``values`` in chunks of 1, 2, 4 … ``MOST``, of which the last may be padded."""
    for start in range(0, len(values), MOST):
        yield padded(values[start : start + MOST])


def padded(values: Sequence[T]) -> tuple[T, ...]:
    """Return ``values``, at least one, with the last of them repeated until their number is a power of two."""
    size = 1 << (len(values) - 1).bit_length()
    return (*values, *repeat(values[-1], size - len(values)))


def places(size: int) -> list[BindParameter[str]]:
    """Return ``size`` parameters, to be given in this order."""
    return [bindparam(f"wanted_{number}") for number in range(size)]


@cache
def _select(key: Column[Any], size: int) -> Statement:
    table = key.table
    pairs = (
        and_(table.c.line == bindparam(f"line_{number}"), key == bindparam(f"key_{number}")) for number in range(size)
    )
    return Statement(select(table).where(or_(*pairs)))
