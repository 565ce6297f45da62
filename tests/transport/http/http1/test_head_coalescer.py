from tests.fakes.recording_transport import RecordingTransport
from transport.http.http1.head_coalescer import HeadCoalescer

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


def test_a_head_leaves_with_the_body_that_follows_it() -> None:
    transport = RecordingTransport()
    writer = HeadCoalescer(transport)
    writer.write(HEAD)
    assert transport.done == []
    writer.write(b"body")
    writer.write(b"more")
    assert transport.done == [HEAD + b"body", b"more"]
    assert writer.written_bytes == len(HEAD) + 8


def test_a_response_without_a_body_leaves_when_it_is_flushed_and_once() -> None:
    transport = RecordingTransport()
    writer = HeadCoalescer(transport)
    writer.write(HEAD)
    writer.flush()
    writer.flush()
    assert transport.done == [HEAD]


def test_what_waits_leaves_before_the_end() -> None:
    for end, name in ((HeadCoalescer.close, "gone"), (HeadCoalescer.write_eof, "end")):
        transport = RecordingTransport()
        writer = HeadCoalescer(transport)
        writer.write(HEAD)
        end(writer)
        assert transport.done == [HEAD, name]


def test_leave_to_send_a_body_does_not_wait() -> None:
    transport = RecordingTransport()
    HeadCoalescer(transport).write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert transport.done == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_behind_the_end_of_the_stream_nothing_is_written() -> None:
    transport = RecordingTransport()
    writer = HeadCoalescer(transport)
    writer.write_eof()
    writer.write(HEAD)
    writer.flush()
    assert transport.done == ["end"]


def test_in_everything_else_it_is_the_transport() -> None:
    transport = RecordingTransport()
    writer = HeadCoalescer(transport)
    assert writer.can_write_eof()
    writer.abort()
    assert transport.done == ["aborted"]
    assert writer.is_closing()
