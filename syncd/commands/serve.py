"""``syncd serve``: run the daemon until it is told to stop."""

import argparse
import asyncio
import logging
import os
from collections.abc import Mapping, Sequence

from actors.errors import StoreUnavailable
from actors.metrics import NodeMetrics
from storage.errors import ContentIdsDiffer, SchemaTooNew
from syncd import __version__, console, setting_sources
from syncd.buses import open_bus
from syncd.certificate import served_certificate
from syncd.checks.results import CheckResult
from syncd.checks.start import run_checks_of_a_start
from syncd.data_dir import make_data_dir
from syncd.errors import CommandError, SettingsError
from syncd.journal_lock import journal_lock
from syncd.keys import development
from syncd.keys.signing import authenticator, uses_kept_secret
from syncd.listening import listening
from syncd.node import running_node
from syncd.process import garbage, logs
from syncd.process.dump import Dump
from syncd.process.open_files import raise_file_limit, watching_open_files
from syncd.process.stop_signals import StopSignals, ignore_signals
from syncd.process.systemd import supervised
from syncd.revocations import RevokedTokenIds
from syncd.server import serving
from syncd.setting_sources import Resolved
from syncd.settings import Settings

logger = logging.getLogger(__name__)

DEVELOPMENT_DEVICE = "terminal"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    setting_sources.add_flags(parser)


def run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Run until SIGTERM, SIGINT or SIGHUP; return 1 if the daemon gave up."""
    signals = StopSignals()
    signals.listen()
    try:
        return _run(setting_sources.resolve(vars(arguments), environment), vars(arguments), signals)
    finally:
        ignore_signals()


def _run(found: Resolved, flags: Mapping[str, object], signals: StopSignals) -> int:
    chosen = found.settings
    results = asyncio.run(run_checks_of_a_start(found, flags))
    for result in results:
        if result.status == "failed":
            raise SettingsError(f"{result.detail}: {result.fix}")
    make_data_dir(chosen)
    raise_file_limit()
    with (
        logs.writing(chosen.log_format, chosen.log_level),
        journal_lock(chosen),
        asyncio.Runner(loop_factory=_event_loop()) as runner,
    ):
        return runner.run(_serve(chosen, results, signals))


async def _serve(chosen: Settings, warnings: Sequence[CheckResult], signals: StopSignals) -> int:
    stop = asyncio.Event()
    failures: list[str] = []

    def give_up(reason: str) -> None:
        failures.append(reason)
        stop.set()

    starting = asyncio.current_task()

    def stop_now() -> None:
        stop.set()
        if starting is not None:  # it may wait for a database that never answers
            starting.cancel()

    dump = Dump()
    dump.listen()
    revoked: RevokedTokenIds = {}
    metrics = NodeMetrics()
    tokens = authenticator(chosen, revoked, metrics.issuer)
    certificate = served_certificate(chosen, metrics.listener)
    try:
        with signals.calling(stop_now), listening(chosen, os.environ) as listeners:
            async with (
                running_node(chosen, open_bus(chosen), give_up, metrics) as node,
                serving(chosen, node, tokens, revoked, *listeners, certificate=certificate) as address,
                supervised(os.environ),
                watching_open_files(metrics.open_files),
            ):
                starting = None
                dump.show(node.stats)
                _say(_welcome(chosen, address))
                for warning in warnings:  # not before: of a start that fails, one line says why
                    logger.warning("%s: %s", warning.detail, warning.fix)
                garbage.tune()
                await stop.wait()
                logger.info("stopping")
                node.begin_stop()
    except (ContentIdsDiffer, SchemaTooNew, StoreUnavailable) as error:
        raise CommandError(f"the journal's database cannot be used: {error}") from error
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
        logger.info("stopped before it had started")
    for reason in failures:
        logger.critical("gave up: %s", reason)
    return 1 if failures else 0


def _say(welcome: str) -> None:
    try:
        print(welcome, flush=True)
    except OSError as error:
        console.discard_broken_output()
        logger.warning("this could not be printed (%s): %s", error.strerror, welcome.partition("\n")[0])


def _welcome(chosen: Settings, address: str) -> str:
    lines = [f"syncd {__version__} listens on {address}"]
    if uses_kept_secret(chosen):
        how = "Give a browser a way to it." if address.startswith("unix:") else "Open it in a browser."
        lines += [
            f"{how} For development only: the signing secret is kept in {chosen.data_dir}.",
            f"A device token of user '{development.USER}', valid for a day:",
            development.development_token(chosen, DEVELOPMENT_DEVICE),
        ]
    return "\n".join(lines)


def _event_loop() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:  # no wheel for this platform; asyncio's own loop works, more slowly
        return None
    return uvloop.Loop
