from transport.bus.channels import channel_of
from transport.bus.subscribed import SubscribedUsers


def test_channels_are_a_subscribed_users_from_add_to_discard() -> None:
    users = SubscribedUsers()
    channels = users.add("a.b")
    assert channels == (channel_of("a.b"), channel_of("a.b", "devices")) == tuple(users)
    assert ([users.user_of(channel) for channel in channels], len(users)) == (["a.b", "a.b"], 1)
    assert users.discard("a.b") == channels
    assert users.discard("a.b") == channels  # and again: nothing
    assert ([users.user_of(channel) for channel in channels], *users, len(users)) == ([None, None], 0)


def test_channels_are_iterated_as_they_were_when_it_began() -> None:
    users = SubscribedUsers()
    for user_id in ("ann", "bob"):
        users.add(user_id)
    for _ in users:
        users.add("cat")
    assert len(users) == 3
