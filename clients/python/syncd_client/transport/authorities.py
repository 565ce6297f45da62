"""The certificate authorities that this system trusts."""

import ssl
import threading
import time
from typing import Final

KEPT_S: Final = 600.0
"""For so long one context serves. An authority that is installed meanwhile is known after that."""


class _Kept(threading.local):
    """Of one thread: libraries set what they like in a context, which another thread may be reading."""

    context: ssl.SSLContext | None = None
    end_s = 0.0
    """By the monotonic clock."""


_kept: Final = _Kept()


def authorities() -> ssl.SSLContext:
    """Return a context that trusts them, the same for all connections that this thread makes meanwhile.

    To read them takes tens of milliseconds and a megabyte, during which a thousand clients of one process would wait
    for each other until all of them give up.

    Raises:
        OSError: something is wrong with the system's settings, such as ``SSLKEYLOGFILE``.
    """
    now_s = time.monotonic()
    if _kept.context is None or now_s >= _kept.end_s:
        try:
            context = ssl.create_default_context()
        except ValueError as error:
            raise OSError(str(error)) from error
        context.set_alpn_protocols(["http/1.1"])  # as httpx does to the one that it is given: all say the same
        _kept.context, _kept.end_s = context, now_s + KEPT_S
    return _kept.context
