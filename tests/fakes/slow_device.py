"""A device that opens its WebSocket or its stream and never reads."""

import socket

from tests.daemon import token


def small_socket() -> socket.socket:
    """Return a socket that takes no more from the network than a few kilobytes, so that the rest waits at its peer."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)  # the loopback's own lets the kernel hold megabytes
    return small


def slow_device(port: int, user: str, name: str, query: str = "") -> socket.socket:
    """Return a device that has finished its handshake and will never read again."""
    device = small_socket()
    device.connect(("127.0.0.1", port))
    device.sendall(
        b"GET /ws%b HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %b\r\n\r\n"
        % (query.encode(), token(user, name).encode())
    )
    assert device.recv(12) == b"HTTP/1.1 101"
    return device


def slow_stream(port: int, user: str, name: str, query: str = "") -> socket.socket:
    """Return a device that has the head of its stream's answer and will never read again."""
    device = small_socket()
    device.connect(("127.0.0.1", port))
    device.sendall(
        b"GET /api/v1/sync/stream%b HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %b\r\n\r\n"
        % (query.encode(), token(user, name).encode())
    )
    assert device.recv(12) == b"HTTP/1.1 200"
    return device
