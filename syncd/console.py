"""Standard output and error, whatever they are connected to."""

import io
import os
import sys
from contextlib import suppress


def open_closed() -> None:
    """Let a standard stream that was closed before the start lead nowhere.

    Otherwise the next file that is opened has its number, and would be sent what was meant for people.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def complain(text: str) -> None:
    """Print ``text`` on standard error, if anybody can read it: the exit status says the rest."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        with suppress(OSError):  # a stream of a test has no number
            discard(sys.stderr.fileno())


def escape_unprintable() -> None:
    """Print a character that the console does not have as an escape, as standard error does anyway."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def buffer_lines() -> None:
    """Write line by line where Python was told to keep nothing (``PYTHONUNBUFFERED``, as in the image).

    What cannot be written stays in a buffer then, which is how ``discard_broken_output`` knows it.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and isinstance(raw := stream.buffer, io.FileIO):
            lines = io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=True)
            setattr(sys, name, lines)


def flush_output() -> None:
    """Write what was printed. Raises: OSError, nobody reads it, or it has no room."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # it was closed before the start
            stream.flush()


def discard_broken_output() -> OSError | None:
    """Let what is still printed go nowhere if it cannot be written; return why it cannot.

    What was printed stays in the stream's buffer, and Python would fail to write it at the exit.
    """
    broken: OSError | None = None
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError as error:
            broken = error
            discard(stream.fileno())
    return broken


def discard(descriptor: int) -> None:
    """Let whatever the process still writes to ``descriptor`` go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
