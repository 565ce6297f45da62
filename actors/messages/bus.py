"""What the publisher and the subscriber are told."""

from msgspec import Struct

from actors.messages.channel import HeadMoved
from actors.messages.journal import HeadsLoaded, Update
from actors.runtime.tell import Tell

# To the PubNubPublisher.


class Publish(Struct, frozen=True):
    """Send a committed update on the user's channel, or a hint in place of several."""

    user_id: str
    update: Update | HeadMoved


class Flush(Struct, frozen=True, eq=False):
    """Tell ``reply_to`` once, when the outbox is empty."""

    reply_to: Tell[None]


class PublishEnded(Struct, frozen=True):
    """A publish ended; ``is_settled``: there is nothing left to try."""

    user_id: str
    is_settled: bool


class ResumePublishing(Struct, frozen=True):
    """The pause after a failure is over."""


PublisherMessage = Publish | Flush | PublishEnded | ResumePublishing


# To the PubNubSubscriber.


class BusPayload(Struct, frozen=True):
    """The bus delivered ``payload`` on the user's channel."""

    user_id: str
    payload: bytes


class BusGap(Struct, frozen=True):
    """Messages may have been lost."""

    reason: str


class CompareHeads(Struct, frozen=True):
    """Ask the journal where every active user stands: a lost message that nothing follows shows no gap."""


class StartBus(Struct, frozen=True):
    """Try again to begin."""


SubscriberMessage = StartBus | BusPayload | BusGap | CompareHeads | HeadsLoaded
