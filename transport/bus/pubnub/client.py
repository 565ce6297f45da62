"""The official SDK as this service uses it: how a client is built, and what its errors mean.

The SDK lets its subscription loop be replaced (``subscription_manager=``), and it is: `PubNubSubscription` polls with
the SDK's own ``Subscribe`` request instead. Measured with 10.8.0, the SDK's loop ends silently when a listener
raises or a file or object event arrives, delivers a batch again after each reconnect, forgets its cursor, gives up,
never reports why it fails, and hides cancellation. One request at a time has none of these problems.
"""

import logging
import re
from typing import Any

import msgspec
from msgspec import Struct
from pubnub.exceptions import PubNubException
from pubnub.managers import SubscriptionManager
from pubnub.pnconfiguration import PNConfiguration
from pubnub.pubnub_asyncio import PubNubAsyncio
from pubnub.request_handlers.async_aiohttp import AsyncAiohttpRequestHandler

CANARY_CHANNEL = "user.=canary.sync"
"""Where nodes check that messages still arrive. No user's: in a user's channel two hex digits follow each ``=``."""

_ORIGIN = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+)(?::\d{1,5})?")
MAX_GROUPS = 10
"""That one client may subscribe to."""


class PubNubSettings(Struct, frozen=True, kw_only=True):
    """Which keyset to use, and the time-outs."""

    subscribe_key: str
    publish_key: str
    secret_key: str | None = None
    """Signs every request; it may do everything, so that no token is needed."""
    auth_token: str | None = None
    """An Access Manager token: read and write on ``user.*``, or manage, read and write on the groups' channels."""
    origin: str = "ps.pndsn.com"
    """Host, or host and port, of PubNub or of something that speaks its protocol."""
    is_tls: bool = True
    client_id: str = "syncd"
    """PubNub's user id of every node: one, because PubNub bills by them; a token may be bound to it."""
    channel_groups: int = 0
    """Up to 10 groups of 2,000 users each, for keysets without wildcard subscribe; 0: ``user.*``."""
    retry_s: float = 5.0
    """Between two attempts, varied by up to a fifth; attempts never end."""
    request_timeout_s: float = 10.0
    """The time-out of every request that PubNub answers at once."""
    canary_interval_s: float = 30.0
    """How long silence lasts before a canary is sent."""
    canary_timeout_s: float = 10.0
    """A canary that takes longer counts as lost, and the subscribing client is replaced."""

    def __post_init__(self) -> None:
        """Refuse what PubNub would. Raises: ValueError."""
        if not 0 <= self.channel_groups <= MAX_GROUPS:
            raise ValueError(f"channel_groups: 0 to {MAX_GROUPS}, got {self.channel_groups}")
        if not _ORIGIN.fullmatch(self.origin):
            raise ValueError(f"the origin is a host, or host:port, and not {self.origin!r}")


class _NoManager(SubscriptionManager):  # type: ignore[misc]  # the SDK has no types
    """Replaces the SDK's subscription loop."""

    def stop(self) -> None:
        """Do nothing: nothing was started."""


def build_client(settings: PubNubSettings) -> Any:
    """Return an SDK client on its aiohttp handler: ten times the publishes/s of the default one, half the CPU.

    Thread: the event loop.
    """
    # The SDK logs an error for each failed request; ours are logged once per outage, with the reason.
    logging.getLogger("pubnub").setLevel(logging.CRITICAL)
    config = PNConfiguration()
    config.disable_config_locking = False  # the SDK warns that anything else is deprecated
    config.subscribe_key = settings.subscribe_key
    config.publish_key = settings.publish_key
    config.secret_key = settings.secret_key
    config.user_id = settings.client_id
    config.origin = settings.origin
    config.ssl = settings.is_tls
    client = PubNubAsyncio(config, subscription_manager=_NoManager, custom_request_handler=AsyncAiohttpRequestHandler)
    if settings.auth_token is not None:
        client.set_token(settings.auth_token)
    return client


def http_status(error: Exception) -> int | None:
    """Return the HTTP status of PubNub's answer; ``None``: there was no answer."""
    status = error.status if isinstance(error, PubNubException) else None
    return status.status_code if status is not None else None


def explain(error: Exception) -> str:
    """Return a short text for operators that says what went wrong."""
    code = http_status(error)
    if code is not None and isinstance(error, PubNubException):
        text = _text_of(_parsed(error.status.original_response))
        return f"access denied: {text}" if code == 403 else f"HTTP {code}: {text}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}"


def _parsed(answer: Any) -> Any:
    """Return what is in ``answer``, which is bytes if they were asked for."""
    if not isinstance(answer, bytes):
        return answer
    try:
        return msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return answer.decode("utf-8", "replace")


def _text_of(answer: Any) -> str:
    """Return the message of an error, in one of the shapes PubNub's services use."""
    match answer:
        case {"message": str(message), "payload": {"channels": [*channels]}}:
            return f"{message} ({', '.join(map(str, channels))})"
        case {"message": str(message)}:
            return message
        case [_, str(message), *_]:
            return message
        case _:
            return str(answer)[:200]
