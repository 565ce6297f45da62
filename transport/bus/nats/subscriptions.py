"""The subjects of the subscribed users, on one connection after another.

A subscription of nats-py is a queue and a task of its own: 5 KB and 30 µs for each user, measured with 2.16. These
share one, which the client finds under the id of each, and cost 2 µs a subject.
"""

from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.protocol.command import sub_cmd, unsub_cmd

from transport.bus.channels import channel_of
from transport.bus.subscribed import SubscribedUsers

AT_ONCE = 500
"""Subjects in one round trip, a millisecond's work: a node that reconnects may have 100,000."""


class UserSubscriptions:
    """What is wanted of a server, and what the present one was told of it. Thread: the event loop."""

    def __init__(self) -> None:
        self.users = SubscribedUsers()
        self._untold: set[str] = set()
        """Channels of users who came or went since the server was told."""
        self._ids: dict[str, int] = {}
        """Channel -> its subscription's id on the present connection."""
        self._client = Client()
        self._shared = Subscription(self._client)
        """This and the client belong to the present connection; to none before the first ``begin``."""

    def subscribe(self, user_id: str) -> None:
        """Want a user's messages."""
        self._untold.update(self.users.add(user_id))

    def unsubscribe(self, user_id: str) -> None:
        """Want them no more."""
        self._untold.update(self.users.discard(user_id))

    def begin(self, client: Client, deliver: Callable[[Msg], Awaitable[None]], max_waiting: int) -> None:
        """Go on with ``client``, which is connected and was told nothing.

        Its messages go to ``deliver``; beyond ``max_waiting`` of them the client drops them and reports that.
        """
        self._client = client
        self._shared = Subscription(client, cb=deliver, pending_msgs_limit=max_waiting)
        self._shared._start(client._error_cb)  # type: ignore[no-untyped-call]
        client._subs[0] = self._shared  # no subscription's id: the client ends the task when it closes
        self._ids.clear()
        self._untold = set(self.users)

    @property
    def is_untold(self) -> bool:
        """Whether there is something to ``tell``."""
        return bool(self._untold)

    async def tell(self) -> tuple[str, ...]:
        """Queue what the server has to be told of some users, and return those whose updates it is told to send.

        It need not be told of users who came and went meanwhile, or went and came back.

        Raises:
            nats.errors.Error, OSError: the connection is lost.
        """
        subscribed: list[str] = []
        for _ in range(min(AT_ONCE, len(self._untold))):
            channel = self._untold.pop()
            user_id = self.users.user_of(channel)
            if user_id is not None and channel not in self._ids:
                await self._subscribe(channel)
                if channel == channel_of(user_id):
                    subscribed.append(user_id)
            elif user_id is None and channel in self._ids:
                await self._unsubscribe(channel)
        return tuple(subscribed)

    async def _subscribe(self, channel: str) -> None:
        client = self._client
        client._sid += 1
        self._ids[channel] = client._sid
        client._subs[client._sid] = self._shared
        await client._send_command(sub_cmd(channel, "", client._sid))

    async def _unsubscribe(self, channel: str) -> None:
        subscription_id = self._ids.pop(channel)
        self._client._subs.pop(subscription_id, None)
        await self._client._send_command(unsub_cmd(subscription_id, 0))
