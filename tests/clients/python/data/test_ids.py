"""What apps give as ids: refused with what to do, whatever its type, before anything changes."""

from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from syncd_client import Client
from syncd_client.data.ids import canonical, canonical_text, check_user_id

from tests.contents import NO_CONTENT_IDS, NO_TEXT_IDS, SPELLED, SPELLINGS, TEXT_IDS


@pytest.mark.parametrize("spelling", [*SPELLINGS, UUID(SPELLED)])
def test_a_content_id_in_any_spelling_has_one(spelling: str | UUID) -> None:
    assert canonical(spelling) == SPELLED


def test_a_content_id_may_be_a_member_of_an_enumeration_of_texts() -> None:
    class Film(str, Enum):  # noqa: UP042 - of a StrEnum `str` gives the value
        FAVOURITE = SPELLED

    assert canonical(Film.FAVOURITE) == canonical_text(Film.FAVOURITE) == SPELLED


@pytest.mark.parametrize("value", [*NO_CONTENT_IDS, 123, None, [SPELLED], SPELLED.encode()])
def test_what_is_no_content_id_is_refused_with_what_to_do(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^content_id: must be a UUID, not .*UUIDv5"):
        canonical(value)


@pytest.mark.parametrize("content_id", [*TEXT_IDS, UUID(SPELLED)])
def test_where_the_service_takes_any_text_an_id_stays_as_it_is(content_id: str | UUID) -> None:
    assert canonical_text(content_id) == str(content_id)


@pytest.mark.parametrize("value", [*NO_TEXT_IDS, "\ud83d", 123, None, b"tt0111161"])
def test_what_is_not_even_text_for_an_id_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^content_id: must be 1 to 128 characters"):
        canonical_text(value)


async def test_a_client_takes_the_ids_that_it_was_told_of() -> None:
    async def get_token() -> str:
        return "token"

    async with Client("ws://127.0.0.1:9", content_ids="text") as client:
        client.sign_in("alice", get_token)
        client.add("plex://movie/5d77")
        client.add_many([SPELLED.upper(), "123"])
        assert [item.content_id for item in client.items] == ["123", SPELLED.upper(), "plex://movie/5d77"]
        assert client.has("123")
        assert not client.has(SPELLED)
        await client.close()
        client.sign_in("alice", get_token)  # opens it again
        client.add("tt0111161")
    with pytest.raises(ValueError, match=r"^content_ids: must be 'uuid' or 'text', not 'number'"):
        Client("ws://127.0.0.1:9", content_ids="number")  # type: ignore[arg-type]


@pytest.mark.parametrize("user_id", ["", "a\nb", "\x7f", "a\x85", "\ud83d", "\udc69 x", "x" * 129, 7, None])
async def test_a_client_that_refuses_a_user_id_goes_on_with_the_user_it_has(user_id: Any) -> None:
    async def get_token() -> str:
        return "token"

    async with Client("ws://127.0.0.1:9") as client:
        client.sign_in("alice", get_token)
        with pytest.raises(ValueError, match=r"^user_id: must be 1 to 128 characters"):
            client.sign_in(user_id, get_token)
        assert client.user_id == "alice"


@pytest.mark.parametrize("user_id", ["Zoë\u2019s\u00a0\u3000👩\u200d👧", "x" * 128, " ", "\u2028"])
def test_people_may_be_called_whatever_can_be_written(user_id: str) -> None:
    check_user_id(user_id)
