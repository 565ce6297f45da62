"""What another program says is reported on one line, and without secrets."""

from syncd.checks.report_lines import on_one_line
from syncd.checks.results import failed
from syncd.settings import Settings


def test_a_result_is_one_line_without_secrets() -> None:
    settings = Settings(bus="amqp://ann:a-secret@bus:5672")
    result = failed("bus", "cannot reach\n  amqp://ann:a-secret@bus:5672", "start\nit")
    assert on_one_line(result, settings) == failed("bus", "cannot reach amqp://ann:***@bus:5672", "start\nit")
