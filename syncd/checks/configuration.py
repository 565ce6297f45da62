"""What is legal in the settings, but not what somebody would want who knew what it means."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from syncd.checks.file_modes import secrets_of
from syncd.checks.results import Finding, failed, ok, setting, warning
from syncd.keys.signing import uses_kept_secret
from syncd.node import SWEEP_S
from syncd.settings import Settings

NAME = "configuration"
READABLE_BY_OTHERS = 0o004
ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]+")
"""What browsers send: a scheme and a host, no path (RFC 6454 section 6.2)."""


def check_configuration(settings: Settings, flags: Mapping[str, object]) -> list[Finding]:
    """Judge the settings by themselves.

    Args:
        settings: as loaded from ``flags`` and elsewhere.
        flags: what the command line said, by setting name; ``config``: the TOML file's path.
    """
    advice = [
        *_exposure(settings),
        *_tokens(settings),
        *_nodes(settings),
        *_devices(settings),
        *_secrecy(settings, flags),
    ]
    return advice or [ok(NAME, "every setting is legal, and none unwise")]


def _exposure(settings: Settings) -> Iterator[Finding]:
    if uses_kept_secret(settings) and not _is_loopback(settings.host):
        yield warning(
            NAME,
            f"no key is set, so the page for development gives device tokens to all who reach {settings.host}",
            f"set a key, {setting('jwt_secret')} for one, or listen on 127.0.0.1: {setting('host')}",
        )
    for origin in settings.allowed_origins:
        if not ORIGIN.fullmatch(origin):
            yield warning(
                NAME,
                f"no browser sends the origin {origin!r}: pages from there may not connect",
                f"write it as https://host or https://host:port in {setting('allowed_origins')}",
            )


def _tokens(settings: Settings) -> Iterator[Finding]:
    has_issuer = settings.jwks_url is not None or settings.jwt_public_key_file is not None
    if has_issuer and settings.jwt_audience is None:
        yield warning(
            NAME,
            "a token that the issuer made for another service is accepted here too",
            f"name the audience of yours: {setting('jwt_audience')}",
        )
    url = settings.jwks_url or ""
    if url.startswith("http://") and not _is_loopback(_host(url)):
        yield warning(
            NAME,
            "the key set comes without TLS: whoever is on the way can put keys of his own in its place",
            f"use an https:// address: {setting('jwks_url')}",
        )


def _nodes(settings: Settings) -> Iterator[Finding]:
    has_bus = settings.bus != "none"
    has_postgresql = (settings.database_url or "").startswith("postgres")
    if has_postgresql and not has_bus:
        yield warning(
            NAME,
            f"without a bus, nodes that share the database see each other's changes up to {SWEEP_S:g} s late",
            f"several nodes want one: {setting('bus')}; a single one may go without",
        )
    if has_bus and not has_postgresql:
        yield warning(
            NAME,
            "a bus is for nodes that share a database, and SQLite is this node's own",
            f"several nodes need PostgreSQL: {setting('database_url')}",
        )
    if has_bus and settings.bus_key is None:
        yield warning(
            NAME,
            "without a bus key, whoever may publish on the bus can change any user's list",
            f"give every node the same secret of 32 characters or more: {setting('bus_key')}",
        )
    if settings.bus == "pubnub" and not (settings.pubnub_tls or _is_loopback(_host(f"//{settings.pubnub_origin}"))):
        yield warning(
            NAME,
            f"what users watch, and the keys, travel to {settings.pubnub_origin} without TLS",
            f"switch it on: {setting('pubnub_tls')}",
        )


def _devices(settings: Settings) -> Iterator[Finding]:
    interval_s, timeout_s = settings.heartbeat_interval, settings.heartbeat_timeout
    both = f"{setting('heartbeat_timeout')}, {setting('heartbeat_interval')}"
    if timeout_s <= interval_s:
        yield failed(
            NAME,
            f"quiet devices are cut off after {timeout_s:g} s, before their first ping at {interval_s:g} s",
            f"let the time-out be twice the interval or more: {both}",
        )
    elif timeout_s < 2 * interval_s:
        yield warning(
            NAME,
            f"one lost ping of every {interval_s:g} s cuts a device off: the end comes after {timeout_s:g} s",
            f"let the time-out be twice the interval or more: {both}",
        )


def _secrecy(settings: Settings, flags: Mapping[str, object]) -> Iterator[Finding]:
    secrets = secrets_of(settings)
    for name in secrets:
        if flags.get(name) is not None:
            yield warning(
                NAME,
                "a secret was given as a flag, which every user of this machine can see",
                f"use the environment, or the file of --config, for {setting(name)}",
            )
    config = flags.get("config")
    if secrets and isinstance(config, Path) and config.stat().st_mode & READABLE_BY_OTHERS:
        yield warning(
            NAME,
            f"every user of this machine can read {config}",
            f"let its owner alone read the file of --config: chmod 600 {config}",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
