import pytest

from tests.transport.conftest import Serve
from tests.transport.http.raw_client import connected


@pytest.mark.parametrize(
    ("sent", "named", "is_logged"),
    [
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 8083\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "PROXY protocol", True),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12), "PROXY protocol", True),
        (b"\x16\x03\x01\x02\0\x01\0\x01", "TLS", False),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2", False),
        (b"garbage\r\n\r\n", "not a valid HTTP request", False),
    ],
    ids=["proxy-1", "proxy-2", "tls", "http-2", "none"],
)
async def test_another_protocol_is_named_in_the_refusal(
    serve: Serve, caplog: pytest.LogCaptureFixture, sent: bytes, named: str, is_logged: bool
) -> None:
    async with connected(await serve()) as client:
        await client.send(sent)
        answer = await client.answer()
        assert answer.status == 400
        assert named in answer.json()["detail"]
        assert await client.rest() == b""
    assert ("turn it off there" in caplog.text) is is_logged
