"""Lines go to a descriptor without a lock, so that one that is stuck keeps nobody else."""

import logging
import os
import threading
from collections.abc import Iterator

import pytest

from syncd.process.standard_error import StandardError
from tests.timeouts import TIMEOUT_S


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("syncd.test", logging.INFO, "test.py", 1, text, (), None)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(writing)


def test_a_line_is_written_whole_whatever_its_characters_and_length(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    text = "é\udc80" + "x" * 200_000  # more than a pipe holds
    writer = threading.Thread(target=StandardError(writing).handle, args=(record(text),))
    writer.start()
    with os.fdopen(reading, "rb") as reader:
        line = reader.readline()
    writer.join(TIMEOUT_S)
    assert line.decode() == "é\\udc80" + "x" * 200_000 + "\n"


def test_a_stuck_line_keeps_neither_the_end_of_logging_nor_what_is_said_later(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    handler = StandardError(writing)
    stuck = threading.Thread(target=handler.handle, args=(record("x" * 200_000),), daemon=True)
    stuck.start()
    assert os.read(reading, 1) == b"x"
    logging.shutdown([lambda: handler])  # what it calls at the end, with weak references
    handler.discard_what_follows()
    handler.handle(record("y" * 200_000))  # nobody waits, or this would not end
    with os.fdopen(reading, "rb") as reader:
        stuck.join(0)
        assert stuck.is_alive()
        assert b"y" not in reader.read()
    stuck.join(TIMEOUT_S)


def test_a_reader_that_is_gone_is_an_error_to_the_log_and_none_to_others(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    handler = StandardError(writing)
    with pytest.raises(BrokenPipeError):
        handler.emit(record("unread"))
    assert handler.handle(record("unread"))
