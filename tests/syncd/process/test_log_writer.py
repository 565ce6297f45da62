"""A thread writes the log: nobody waits for whoever reads it."""

import logging
import os
import threading
from collections.abc import Iterator

import pytest

from syncd.process.log_bounds import LogBounds
from syncd.process.log_writer import MAX_WAITING, LogWriter
from syncd.process.standard_error import StandardError
from tests.timeouts import TIMEOUT_S


class Reader(logging.Handler):
    """Keeps what it is given, once it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.is_free = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        assert self.is_free.wait(TIMEOUT_S)
        self.lines.append(record.getMessage())


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.is_free.set()


def say(writer: LogWriter, text: str, *args: object) -> None:
    writer.handle(logging.LogRecord("syncd.test", logging.INFO, "test.py", 1, text, args, None))


def test_lines_are_written_in_order_with_what_their_arguments_were(reader: Reader) -> None:
    writer = LogWriter(reader, LogBounds())
    said = ["first"]
    say(writer, "%s", said)
    said.append("second")
    say(writer, "%s", said)
    reader.is_free.set()
    writer.close()
    assert reader.lines == ["['first']", "['first', 'second']"]


def test_what_a_stuck_reader_leaves_waiting_has_a_bound_and_is_counted(reader: Reader) -> None:
    writer = LogWriter(reader, LogBounds(per_minute=2 * MAX_WAITING))
    for number in range(MAX_WAITING + 100):  # nobody waits, or this would not end
        say(writer, "%d", number)
    assert 99 <= writer.left_out <= 100  # the first may be in the thread's hands
    reader.is_free.set()
    writer.close()
    assert len(reader.lines) == MAX_WAITING + 100 - writer.left_out


def test_the_end_does_not_wait_for_a_reader_that_never_reads(reader: Reader) -> None:
    writer = LogWriter(reader, LogBounds(), stop_timeout_s=0.01)
    say(writer, "unread")
    assert not writer.is_stuck
    writer.close()
    assert writer.is_stuck
    reader.is_free.set()


def test_what_a_reader_that_is_gone_would_have_read_is_counted() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    target = StandardError(writing)
    target.setFormatter(logging.Formatter())
    writer = LogWriter(target, LogBounds())
    say(writer, "to nobody")
    writer.close()
    assert writer.left_out == 1
    os.close(writing)


def test_what_cannot_be_written_or_formatted_is_left_out_and_the_next_line_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Choosy(Reader):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg == "gone":
                raise BrokenPipeError
            if record.msg == "odd":
                raise ValueError("no form for it")
            super().emit(record)

    reader = Choosy()
    reader.is_free.set()
    writer = LogWriter(reader, LogBounds())
    for text in ("gone", "odd", "next"):
        say(writer, text)
    writer.close()
    assert (reader.lines, writer.left_out, writer.is_stuck) == (["next"], 1, False)
    assert "no form for it" in capsys.readouterr().err


def test_the_end_says_what_was_left_out_within_the_minute(reader: Reader) -> None:
    reader.is_free.set()
    writer = LogWriter(reader, LogBounds(per_minute=1))
    for _ in range(3):
        say(writer, "again %s", "ann")
    writer.close()
    assert reader.lines == ["again ann", "left out within a minute: 2 more lines like 'again %s'"]
