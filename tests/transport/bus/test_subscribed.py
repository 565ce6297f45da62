from transport.bus.channels import channel_of
from transport.bus.subscribed import SubscribedUsers


def test_a_channel_is_a_subscribed_users_from_add_to_discard() -> None:
    users = SubscribedUsers()
    channel = users.add("a.b")
    assert (channel, users.user_of(channel), list(users), len(users)) == (channel_of("a.b"), "a.b", [channel], 1)
    assert users.discard("a.b") == channel
    assert users.discard("a.b") == channel  # and again: nothing
    assert (users.user_of(channel), channel in users, len(users)) == (None, False, 0)


def test_channels_are_iterated_as_they_were_when_it_began() -> None:
    users = SubscribedUsers()
    for user_id in ("ann", "bob"):
        users.add(user_id)
    for _ in users:
        users.add("cat")
    assert len(users) == 3
