"""Settings that are valid but probably not what the operator wants."""

from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from syncd.buses import bus_risk
from syncd.checks.file_modes import everyone_may_read
from syncd.checks.results import CheckResult, failed, ok, setting, warning
from syncd.checks.secret_settings import KEYS, SECRETS, secrets_of
from syncd.deps import trusted_proxies
from syncd.errors import ExtraMissing, SettingsError
from syncd.keys.signing import uses_kept_secret
from syncd.node import SWEEP_S
from syncd.process.tracing import span_export
from syncd.setting_sources import Resolved
from syncd.settings import Settings
from transport.access.origins import canonical_origin

NAME = "configuration"


def check_configuration(found: Resolved, flags: Mapping[str, object]) -> list[CheckResult]:
    """Check the settings by themselves.

    Args:
        found: the settings, as resolved from ``flags`` and elsewhere.
        flags: what the command line said, by setting name; ``config``: the TOML file's path.
    """
    settings = found.settings
    advice = [
        *_exposure(settings),
        *_proxies(settings),
        *_tokens(settings),
        *_nodes(settings),
        *_devices(settings),
        *_tracing(settings),
        *_exposed_secrets(settings, flags),
        *_stripped_secrets(settings, found.stripped),
        *_quoted_secrets(settings),
        *_misspelt(found.misspelt),
    ]
    return advice or [ok(NAME, "every setting is valid, and none looks like a mistake")]


def _exposure(settings: Settings) -> Iterator[CheckResult]:
    if uses_kept_secret(settings) and settings.unix_socket is None and not _is_loopback(settings.host):
        yield warning(
            NAME,
            f"no key is set: the development page gives a device token to anyone who can reach {settings.host}",
            f"set a key, for example {setting('jwt_secret')}, or listen on 127.0.0.1: {setting('host')}",
        )
    for origin in settings.allowed_origins:
        if canonical_origin(origin) is None:
            yield failed(
                NAME,
                f"no browser sends the origin {origin!r}: pages from there cannot connect",
                f"write it as https://host or https://host:port in {setting('allowed_origins')}",
            )


def _proxies(settings: Settings) -> Iterator[CheckResult]:
    try:
        trusted_proxies(settings)
    except SettingsError as error:
        yield failed(NAME, str(error), f"name proxies by their addresses: {setting('trusted_proxies')}")


def _tokens(settings: Settings) -> Iterator[CheckResult]:
    has_issuer = settings.jwks_url is not None or settings.jwt_public_key_file is not None
    if has_issuer and settings.jwt_audience is None:
        yield warning(
            NAME,
            "tokens that the issuer made for another service are accepted here too",
            f"set the audience of this service: {setting('jwt_audience')}",
        )
    url = settings.jwks_url or ""
    if url.startswith("http://") and not _is_loopback(_host(url)):
        yield warning(
            NAME,
            "the key set is fetched without TLS: anyone on the network path can replace its keys",
            f"use an https:// address: {setting('jwks_url')}",
        )


def _nodes(settings: Settings) -> Iterator[CheckResult]:
    has_bus = settings.bus != "none"
    has_postgresql = (settings.database_url or "").startswith("postgres")
    if has_postgresql and not has_bus:
        yield warning(
            NAME,
            f"without a bus, nodes that share the database see each other's changes up to {SWEEP_S:g} s late",
            f"set {setting('bus')} if there are several nodes; a single node needs none",
        )
    if has_bus and not has_postgresql:
        yield warning(
            NAME,
            "a bus connects nodes that share a database, and SQLite is not shared",
            f"several nodes need PostgreSQL: {setting('database_url')}",
        )
    if risk := bus_risk(settings):
        yield warning(
            NAME,
            risk,
            f"give every node the same secret of 32 characters or more: {setting('bus_key')}",
        )
    if settings.bus == "pubnub" and not (settings.pubnub_tls or _is_loopback(_host(f"//{settings.pubnub_origin}"))):
        yield warning(
            NAME,
            f"users' changes and the keys are sent to {settings.pubnub_origin} without TLS",
            f"turn it on: {setting('pubnub_tls')}",
        )


def _devices(settings: Settings) -> Iterator[CheckResult]:
    interval_s, timeout_s = settings.heartbeat_interval, settings.heartbeat_timeout
    both = f"{setting('heartbeat_timeout')}, {setting('heartbeat_interval')}"
    if timeout_s <= interval_s:
        yield failed(
            NAME,
            f"idle devices are closed after {timeout_s:g} s, before their first ping at {interval_s:g} s",
            f"set the time-out to at least twice the interval: {both}",
        )
    elif timeout_s < 2 * interval_s:
        yield warning(
            NAME,
            f"one lost ping closes a device: pings every {interval_s:g} s, closed after {timeout_s:g} s",
            f"set the time-out to at least twice the interval: {both}",
        )


def _tracing(settings: Settings) -> Iterator[CheckResult]:
    if settings.otlp_endpoint is not None:
        try:
            span_export()
        except ExtraMissing as error:
            yield failed(NAME, error.reason, f"{error.fix}, for {setting('otlp_endpoint')}")


def _exposed_secrets(settings: Settings, flags: Mapping[str, object]) -> Iterator[CheckResult]:
    secrets = secrets_of(settings)
    for name in secrets:
        if flags.get(name) is not None:
            yield warning(
                NAME,
                "a secret is set by a flag, which every user of this machine can see",
                f"use the environment, or the file of --config, for {setting(name)}",
            )
    config = flags.get("config")
    if secrets and isinstance(config, Path) and everyone_may_read(config):
        yield warning(
            NAME,
            f"every user of this machine can read {config}",
            f"make the file of --config readable by its owner only: chmod 600 {config}",
        )


def _stripped_secrets(settings: Settings, stripped: Collection[str]) -> Iterator[CheckResult]:
    of_tokens = ("jwt_secret", "jwt_previous_secret")
    for name in of_tokens:
        if (secret := getattr(settings, name)) is not None and secret != secret.strip():
            yield warning(
                NAME,
                "there is whitespace around a secret: tokens signed with it and without it are accepted",
                f"remove it here and at the issuer, often a last line break: {setting(name)}",
            )
    for name in sorted({*SECRETS, *secrets_of(settings), *KEYS}.intersection(stripped).difference(of_tokens)):
        yield warning(
            NAME,
            "there was whitespace around a secret, a token or a key, which is not taken for a part of it",
            f"remove it, often a last line break: {setting(name)}",
        )


def _quoted_secrets(settings: Settings) -> Iterator[CheckResult]:
    for name in (*SECRETS, *KEYS):
        value = (getattr(settings, name) or "").strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            yield warning(
                NAME,
                "a secret, a token or a key begins and ends with a quotation mark, which is taken for a part of it",
                f"remove both, unless the other side has them too; docker's --env-file keeps them: {setting(name)}",
            )


def _misspelt(variables: Mapping[str, str]) -> Iterator[CheckResult]:
    for name, meant in variables.items():
        yield warning(NAME, f"{name} is no setting, and changes nothing", f"write {meant} if that is meant")


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
