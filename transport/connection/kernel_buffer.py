"""What the kernel holds of a connection's output: it has room for megabytes, and says what the peer has confirmed."""

import asyncio
import socket
import sys
import termios
from fcntl import ioctl
from typing import Final

UNSENT_IN_KERNEL_BYTES: Final = 64 * 1024
"""The kernel takes no more than this beyond what is in flight, though it has room for megabytes. Otherwise, on a slow
link, it would take some only now and then: a ping would wait as long, and a slow reader would seem not to read at all.
"""


def bound_kernel_buffer(transport: asyncio.Transport) -> None:
    """Let the kernel take no more than ``UNSENT_IN_KERNEL_BYTES`` ahead of the network, where it can be told."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_IN_KERNEL_BYTES)


def bytes_in_kernel(transport: asyncio.Transport) -> int:
    """Return what the peer has not acknowledged yet (Linux: tcp(7), ``SIOCOUTQ``); elsewhere 0.

    The kernel takes more in large steps only: on a slow link this tells much sooner that the peer reads.
    """
    sock = transport.get_extra_info("socket")
    if sys.platform != "linux" or sock is None:
        return 0
    return int.from_bytes(ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
