"""The client of NATS for one connection."""

from typing import Any

import nats.errors
from nats.aio.client import Client


class TlsClient(Client):
    """A client that shows a ``tls://`` server nothing before TLS.

    nats-py encrypts only if the server says that it must, whatever the address says: a server that does not say so, or
    somebody in between who drops that word, would get the password and the users' changes in clear.
    """

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Look at what a server says first. Raises: nats.errors.Error, it has no TLS, and has to."""
        server = self._current_server
        if initial_connection and server is not None and server.uri.scheme == "tls":
            if not (info.get("tls_required") or info.get("tls_available")):
                raise nats.errors.Error("the server has no TLS, which tls:// asks for")
            info["tls_required"] = True  # what connect() goes by next
        await super()._process_info(info, initial_connection)
