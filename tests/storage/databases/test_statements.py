"""One statement is the same on both databases: its parameters come in the order that it names, whatever its text is."""

import pytest
from sqlalchemy import Dialect, bindparam, insert, select, text

from storage.databases.statements import Row, Statement, for_update, standard_sql
from storage.schema.tables import contexts

DIALECTS = [standard_sql("sqlite", "qmark"), standard_sql("postgresql", "format")]


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.name)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


def arranged(statement: Statement, dialect: Dialect, *parameters: object) -> Row:
    compiled = statement.compiled(dialect)
    return parameters if compiled.arrange is None else compiled.arrange(parameters)


def test_a_statement_is_compiled_once_for_each_database() -> None:
    statement = Statement(select(contexts).where(contexts.c.line == bindparam("of_line")))
    texts = []
    for dialect in DIALECTS:
        compiled = statement.compiled(dialect)
        assert statement.compiled(dialect) is compiled
        texts.append(compiled.text.partition("WHERE ")[2])
    assert texts == ["contexts.user_id = ?", "contexts.user_id = %s"]


def test_an_insert_takes_rows_of_its_table_as_they_are(dialect: Dialect) -> None:
    statement = Statement(insert(contexts))
    assert statement.compiled(dialect).arrange is None
    assert "(user_id, replica, context, used_day)" in statement.compiled(dialect).text


def test_parameters_are_given_in_the_order_that_is_named(dialect: Dialect) -> None:
    clause = select(contexts).where(
        contexts.c.line == bindparam("of_line"), contexts.c.replica == bindparam("of_replica")
    )
    assert arranged(Statement(clause, "of_replica", "of_line"), dialect, "tv", "ann") == ("ann", "tv")
    in_the_texts_order = Statement(clause, "of_line", "of_replica")
    assert in_the_texts_order.compiled(dialect).arrange is None
    assert Statement(clause).compiled(dialect) == in_the_texts_order.compiled(dialect)


def test_a_parameter_may_stand_in_several_places(dialect: Dialect) -> None:
    clause = text("SELECT 1 WHERE :a = :b OR :b = :a")
    assert arranged(Statement(clause), dialect, 1, 2) == (1, 2, 2, 1)


def test_constants_in_a_statement_are_passed_with_its_parameters(dialect: Dialect) -> None:
    of_tv = select(contexts).where(contexts.c.replica == "tv")
    assert arranged(Statement(of_tv), dialect) == ("tv",)
    both = Statement(of_tv.where(contexts.c.line == bindparam("of_line")))
    assert arranged(both, dialect, "ann") == ("tv", "ann")


def test_a_parameter_that_the_order_forgets_is_named(dialect: Dialect) -> None:
    clause = select(contexts).where(
        contexts.c.line == bindparam("of_line"), contexts.c.replica == bindparam("of_replica")
    )
    with pytest.raises(KeyError, match="of_line"):
        Statement(clause, "of_replica").compiled(dialect)


@pytest.mark.parametrize("skip_locked", [False, True])
def test_only_a_server_locks_rows(skip_locked: bool) -> None:
    statement = Statement(for_update(select(contexts).limit(bindparam("size")), skip_locked=skip_locked))
    ends = [statement.compiled(dialect).text.partition("LIMIT ")[2].strip() for dialect in DIALECTS]
    assert ends == ["?", "%s FOR UPDATE SKIP LOCKED" if skip_locked else "%s FOR UPDATE"]


def test_a_percent_sign_is_no_parameter(dialect: Dialect) -> None:
    written = Statement(text("SELECT 7 % 4")).compiled(dialect).text
    assert written == ("SELECT 7 %% 4" if dialect.paramstyle == "format" else "SELECT 7 % 4")
