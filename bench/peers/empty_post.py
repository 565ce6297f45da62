"""Starlette on uvicorn with an endpoint that does nothing: what HTTP alone costs here.

python -m bench.peers.empty_post [PORT]
"""

import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def nothing(_request: Request) -> JSONResponse:
    """Answer ``{}``."""
    return JSONResponse({})


def main(port: int) -> None:
    """Serve until killed."""
    application = Starlette(routes=[Route("/api/v1/sync/watchlist", nothing, methods=["POST"])])
    config = uvicorn.Config(application, http="httptools", loop="uvloop", access_log=False, log_level="warning")
    with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
        print(f"listens on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
