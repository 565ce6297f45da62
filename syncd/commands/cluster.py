"""``syncd cluster``: a broker, PostgreSQL and three nodes on this machine, to see nodes work together."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from syncd.cluster import Child, local_postgresql
from syncd.commands.broker import require_broker
from syncd.errors import CommandError
from syncd.keys.kept_secret import kept_secret
from transport.access.minting import mint

NODES = ("a", "b", "c")
USER = "demo"
TOKEN_TTL_S = 24 * 3600
CONTENT_ID = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path("syncd-data/cluster"),
        help="directory for the database and the logs (default: %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=8090,
        help="port of the broker; the nodes use the next three; 0: any free ones (default: %(default)s)",
    )


def run(arguments: argparse.Namespace, _environment: Mapping[str, str]) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; nothing is left running."""
    require_broker()
    data_dir = arguments.data_dir.absolute()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        asyncio.run(_run(data_dir, arguments.port))
    except OSError as error:
        raise CommandError(str(error)) from None
    return 0


async def _run(data_dir: Path, port: int) -> None:
    stop = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    secret = kept_secret(data_dir)
    async with AsyncExitStack() as stack:
        print("starting PostgreSQL, a broker and three nodes …", flush=True)
        database = stack.enter_context(local_postgresql(data_dir / "postgresql"))

        async def start(name: str, *arguments: str, announces: str) -> Child:
            child = await Child.start(
                *arguments,
                log=data_dir / f"{name}.log",
                announces=announces,
                environment={"SYNCD_JWT_SECRET": secret, "SYNCD_BUS_KEY": secret, "SYNCD_DATABASE_URL": database.url},
            )
            stack.push_async_callback(child.terminate)
            stack.callback(asyncio.create_task(_report_end(name, child)).cancel)
            return child

        broker = await start("broker", "broker", "--port", str(port), announces="origin")
        origin = broker.announcement.split('origin "')[1].split('"')[0]
        nodes = [
            await start(
                f"node-{name}",
                *("serve", "--port", str(port and port + number), "--data-dir", str(data_dir / f"node-{name}")),
                *("--bus", "pubnub", "--pubnub-subscribe-key", "dev", "--pubnub-publish-key", "dev"),
                *("--pubnub-origin", origin, "--pubnub-tls", "off", "--log-format", "json"),
                announces=" listens on http://",
            )
            for number, name in enumerate(NODES, start=1)
        ]
        print(_guide(data_dir, database.url, origin, nodes, secret), flush=True)
        await stop.wait()
        print("stopping …", flush=True)


async def _report_end(name: str, child: Child) -> None:
    status = await child.ended()
    how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    print(f"{name} has ended ({how}); the others go on. Its log is {child.log}", flush=True)


def _guide(data_dir: Path, database_url: str, origin: str, nodes: list[Child], secret: str) -> str:
    from pubnub_broker.rest import FAULTS_PATH  # noqa: PLC0415 - it is not in the wheel

    urls = [node.announcement.split()[-1] for node in nodes]
    listed = "\n".join(
        f"  node {name}   {url}   pid {node.pid}" for name, url, node in zip(NODES, urls, nodes, strict=True)
    )
    tail = f"{sys.executable} -m syncd tail --url {urls[-1].replace('http', 'ws', 1)}"
    faults = f"http://{origin}/{'/'.join(FAULTS_PATH)}"
    return f"""\
This cluster is for trying things out, not for production. Data and logs: {data_dir}

{listed}
  broker   http://{origin}
  journal  {database_url}

In a second terminal, act as the TV of user '{USER}' on node c:

  SYNCD_TOKEN={_token(secret, "tv")} {tail}

In a third, add a film as the phone of '{USER}' on node a. The TV shows it:

  curl -s {urls[0]}/api/v1/sync/watchlist -H "Authorization: Bearer {_token(secret, "phone")}" \\
       -d '{{"operation":"add","content_id":"{CONTENT_ID}"}}'

Let the broker lose half of all messages, or none again. A lost change is shown with the next one, or within half a
minute:

  curl -s -X PUT {faults} -d '{{"drop":0.5}}'
  curl -s -X DELETE {faults}

Ctrl-C ends everything."""


def _token(secret: str, device_id: str) -> str:
    return mint(secret, USER, device_id, TOKEN_TTL_S)
