import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport.bus.channels import CONTROL_CHANNEL, channel_of, user_of


@pytest.mark.parametrize(
    ("user_id", "channel"),
    [
        ("42", "user.42.sync"),
        ("9f86d081-884c-4d63-a159-bb6f8f5a3cde", "user.9f86d081-884c-4d63-a159-bb6f8f5a3cde.sync"),
        ("ann@example.org", "user.ann@example=2Eorg.sync"),
        ("a b,c/d:e*=", "user.a=20b=2Cc=2Fd=3Ae=2A=3D.sync"),
        ("ü", "user.=C3=BC.sync"),
    ],
)
def test_forbidden_characters_are_encoded_reversibly(user_id: str, channel: str) -> None:
    assert channel_of(user_id) == channel
    assert user_of(channel) == user_id


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_user_has_a_channel_of_its_own_of_allowed_characters(user_id: str) -> None:
    channel = channel_of(user_id)
    assert user_of(channel) == user_id
    assert re.fullmatch(r"user\.[^.,:*/\\\s>]+\.sync", channel)
    of_devices = channel_of(user_id, "devices")
    assert (user_of(of_devices), of_devices) == (user_id, channel.removesuffix("sync") + "devices")


def test_the_nodes_own_channel_is_nobodys_and_no_user_has_it() -> None:
    assert user_of(CONTROL_CHANNEL) is None
    assert channel_of("=control") != CONTROL_CHANNEL
    assert CONTROL_CHANNEL.startswith("user.")  # so that PubNub's wildcard, and grants on it, hold for it


@pytest.mark.parametrize(
    "channel", ["", "user.sync", "user..sync", "user.a.notifications", "other.a.sync", "user.=FF.sync", "a.devices"]
)
def test_a_channel_of_another_form_is_no_users(channel: str) -> None:
    assert user_of(channel) is None
