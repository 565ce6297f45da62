"""Every setting: its default and its bounds. Where its value comes from is in ``syncd.setting_sources``."""

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from actors.messages.content_ids import ContentIdKind
from storage.databases.database_url import sqlite_url

Seconds = Annotated[float, Meta(gt=0)]
PerSecond = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(gt=0, le=2**63 - 1)]
"""At most what fits in 64 bits, in which the store's processes are told it and the database counts."""


GROUPS: Final = {
    "host": "listening",
    "data_dir": "database",
    "bus": "bus between nodes",
    "jwt_secret": "tokens",
    "allowed_origins": "devices",
    "max_connections": "limits",
    "shutdown_timeout": "process",
}
"""The first setting of each group of the help, and the group's title."""

MEANS_ON_OR_OFF: Final = {"on": True, "off": False, "yes": True, "no": False, "true": True, "false": False}


def _about(text: str) -> Meta:
    return Meta(description=text)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The daemon's settings; descriptions are the command line's help."""

    host: Annotated[str, _about("address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="port to listen on; 0: any free one")] = 8083
    unix_socket: Annotated[Path | None, _about("path of a unix socket to listen on, in place of --host and --port")] = (
        None
    )
    tls_certificate_file: Annotated[
        Path | None, _about("PEM file of the certificate and its chain: serve https and wss; read again on change")
    ] = None
    tls_key_file: Annotated[Path | None, _about("PEM file of its key; default: in --tls-certificate-file")] = None
    data_dir: Annotated[Path, _about("directory of the embedded database and of the kept secret")] = Path("syncd-data")
    database_url: Annotated[str | None, _about("postgresql://… for several nodes; default: SQLite in --data-dir")] = (
        None
    )
    database_read_url: Annotated[
        Annotated[str, Meta(pattern="^postgres(ql)?://")] | None,
        _about("postgresql://… of a replica of --database-url, for lists and replays; it may be behind"),
    ] = None
    content_ids: Annotated[
        ContentIdKind,
        _about("what names a content: uuid, or text of 1 to 128 characters; all nodes alike, and there is no way back"),
    ] = "uuid"
    bus: Annotated[str, _about("bus between nodes: none, pubnub, or nats://host:4222")] = "none"
    bus_key: Annotated[
        Annotated[str, Meta(min_length=32)] | None,
        _about("secret shared by all nodes, at least 32 characters; signs their messages on the bus"),
    ] = None
    bus_foreign: Annotated[bool, _about("take in what foreign publishers, who sign nothing, write on the bus")] = False
    nats_retry: Annotated[Seconds, _about("seconds between attempts while NATS does not answer")] = 2.0
    pubnub_subscribe_key: Annotated[str | None, _about("PubNub's subscribe key")] = None
    pubnub_publish_key: Annotated[str | None, _about("PubNub's publish key")] = None
    pubnub_secret_key: Annotated[str | None, _about("PubNub's secret key; if set, requests are signed")] = None
    pubnub_auth_token: Annotated[str | None, _about("PubNub Access Manager token")] = None
    pubnub_origin: Annotated[str, _about("host[:port] of PubNub or a compatible service")] = "ps.pndsn.com"
    pubnub_tls: Annotated[bool, _about("use TLS to the origin")] = True
    pubnub_channel_groups: Annotated[
        int,
        Meta(
            ge=0,
            le=10,
            description="number of channel groups (2,000 users each), for keysets without wildcard subscribe",
        ),
    ] = 0
    pubnub_retry: Annotated[Seconds, _about("seconds between attempts while PubNub does not answer")] = 5.0
    jwt_secret: Annotated[
        str | None, _about("HMAC secret that signs tokens, at least 32 bytes; default: one kept in --data-dir")
    ] = None
    jwt_previous_secret: Annotated[str | None, _about("previous secret, still accepted while secrets are rotated")] = (
        None
    )
    jwt_algorithms: Annotated[
        tuple[str, ...],
        _about(
            "accepted token algorithms, comma-separated: HS256, HS384, HS512 for a secret; RS256, RS384, RS512, PS256, "
            "PS384, PS512, ES256, ES384, ES512, EdDSA for a public key; default: HS256, or all that the key's type has"
        ),
    ] = ()
    jwt_public_key_file: Annotated[Path | None, _about("PEM file of the public key (RSA, EC or Ed25519)")] = None
    jwks_url: Annotated[str | None, _about("URL of the issuer's key set, fetched every 30 s")] = None
    jwt_audience: Annotated[str | None, _about("aud that tokens must have")] = None
    jwt_issuer: Annotated[str | None, _about("iss that tokens must have")] = None
    allowed_origins: Annotated[
        tuple[str, ...], _about("origins of other sites whose pages may connect, comma-separated: https://host[:port]")
    ] = ()
    path_prefix: Annotated[
        Annotated[str, Meta(pattern="^((/[A-Za-z0-9._~-]+)+/?|/?)$")],
        _about("path below which a proxy serves this, such as /sync-service; requests without it are served, too"),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        _about("proxies whose X-Forwarded-… and Forwarded are believed, comma-separated: 10.0.0.0/8, ::1, unix"),
    ] = ()
    keep_alive_timeout: Annotated[
        Seconds, _about("seconds that a connection is kept between two requests; longer than a proxy keeps it")
    ] = 75.0
    heartbeat_interval: Annotated[Seconds, _about("seconds between pings to a device")] = 30.0
    heartbeat_timeout: Annotated[
        Seconds,
        _about(
            "seconds without any message or pong after which a device is disconnected; half as many if it reads nothing"
        ),
    ] = 60.0
    max_clock_drift: Annotated[
        Seconds,
        _about("seconds that a write's timestamp may be ahead of this node's clock; beyond it the write is refused"),
    ] = 60.0
    max_connections: Annotated[Count, _about("WebSocket connections to this node; more are refused with 503")] = 100_000
    max_connections_per_user: Annotated[
        Count, _about("WebSocket connections of one user to this node; more are refused with 429")
    ] = 500
    messages_per_second: Annotated[
        PerSecond, _about("writes and messages that one user may send to this node per second")
    ] = 5_000.0
    message_burst: Annotated[Count, _about("writes and messages that one user may send at once after a pause")] = 20_000
    reads_per_second: Annotated[
        PerSecond, _about("lists, changes and replays that one user may ask this node for per second")
    ] = 20.0
    read_burst: Annotated[
        Count, _about("lists, changes and replays that one user may ask for at once after a pause")
    ] = 1_000
    max_items_per_list: Annotated[
        Count, _about("contents in a user's list; an add of another one is refused until one is removed")
    ] = 10_000
    max_followed_per_user: Annotated[
        Count,
        _about(
            "collections that one user's connections follow on this node; one that follows more is closed with 1013"
        ),
    ] = 10_000
    max_tags_per_item: Annotated[
        Count, _about("concurrent adds that are kept apart for one content; the oldest gives way to one more")
    ] = 16
    max_gaps_per_replica: Annotated[
        Count, _about("runs of skipped counters in one replica's tags; a tag that makes one more is refused")
    ] = 1_024
    max_replicas_per_user: Annotated[
        Count,
        _about("replicas that name tags for one user; if none was unused for 90 days, the tag of another is refused"),
    ] = 12_000
    max_lists_per_user: Annotated[
        Count, _about("lists of one user beside the watchlist; another one is not created until one is deleted")
    ] = 100
    max_devices_per_user: Annotated[
        Count, _about("devices that are known of a user; for one more, the longest offline is forgotten")
    ] = 100
    max_keys_per_user: Annotated[
        Count, _about("contents whose progress is kept for one user; that of another is refused until one is removed")
    ] = 10_000
    shutdown_timeout: Annotated[Seconds, _about("seconds that a shutdown may take")] = 10.0
    log_format: Annotated[Literal["auto", "console", "json"], _about("auto is console on a terminal, else json")] = (
        "auto"
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _about("lowest level that is logged"),
    ] = "info"
    trace_ratio: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="share of writes that are traced unasked, 0 to 1; --log-level debug traces all",
        ),
    ] = 0.0
    otlp_endpoint: Annotated[
        Annotated[str, Meta(pattern="^https?://[^/]")] | None,
        _about("OpenTelemetry collector for traced writes: http://host:4318"),
    ] = None

    @property
    def journal_url(self) -> str:
        """The URL of the journal's database: as set, or SQLite in the data directory."""
        return sqlite_url(self.data_dir / "journal.db") if self.database_url is None else self.database_url
