"""The bus of a single node takes everything and brings nothing."""

from actors.ports import BusFigures
from tests.transport.bus.conftest import Inbox
from transport.bus.none import NoBus


async def test_what_is_published_comes_to_nobody_and_nothing_is_wrong() -> None:
    bus, inbox = NoBus(), Inbox()
    await bus.start(inbox.listener(takes_foreign=True))
    bus.subscribe("ann")
    await bus.publish("ann", b"{}")
    await bus.publish_to_devices("u1", b"{}")
    await bus.publish_control(b"{}")
    bus.unsubscribe("ann")
    assert (bus.status(), bus.figures()) == (None, BusFigures())
    await bus.close()
    for queue in (inbox.messages, inbox.foreign, inbox.control, inbox.gaps, inbox.subscribed):
        assert queue.empty()
