"""Each client names its token as it does on a real network."""

import pytest

from simulation.devices.handshake import open_handshake


@pytest.mark.parametrize(
    ("is_javascript", "named", "absent"),
    [
        (False, b"Authorization: Bearer t0k.e-n\r\n", b"Sec-WebSocket-Protocol"),
        (True, b"Sec-WebSocket-Protocol: syncd.v1, bearer.t0k.e-n\r\n", b"Authorization"),
    ],
)
def test_the_token_is_where_its_client_can_put_it(is_javascript: bool, named: bytes, absent: bytes) -> None:
    (request,) = open_handshake("/ws?since=7", "t0k.e-n", is_javascript=is_javascript).data_to_send()
    assert request.startswith(b"GET /ws?since=7 HTTP/1.1\r\n")
    assert named in request
    assert absent not in request


def test_an_intermediary_that_knows_of_no_upgrades_passes_a_plain_request_on() -> None:
    (request,) = open_handshake("/ws", "t0k.e-n", is_javascript=False, is_stripped=True).data_to_send()
    assert b"Authorization: Bearer t0k.e-n\r\n" in request
    assert b"\r\nConnection:" not in request
    assert b"\r\nUpgrade:" not in request
