"""The certificate authorities that this system trusts."""

import ssl
import threading
import time
from typing import Final

KEPT_S: Final = 600.0
"""How long one context is used. An authority that is installed meanwhile is known only after that."""


class _Kept(threading.local):
    """One for each thread: libraries set what they like in a context, while another thread may be reading it."""

    context: ssl.SSLContext | None = None
    end_s = 0.0
    """By the monotonic clock."""


_kept: Final = _Kept()


def authorities() -> ssl.SSLContext:
    """Return a context that trusts them: for ``KEPT_S`` the same one for all connections of this thread.

    Reading them takes tens of milliseconds and a megabyte: a thousand clients of one process would wait for each other
    until all of them give up.

    Raises:
        OSError: something is wrong with the system's settings, such as ``SSLKEYLOGFILE``.
    """
    now_s = time.monotonic()
    if _kept.context is None or now_s >= _kept.end_s:
        try:
            context = ssl.create_default_context()
        except ValueError as error:
            raise OSError(str(error)) from error
        context.set_alpn_protocols(["http/1.1"])  # httpx sets this in any context it gets: set first, all say the same
        _kept.context, _kept.end_s = context, now_s + KEPT_S
    return _kept.context
