"""A content is named by a UUID, in whichever spelling, or by any text; what is neither is refused with what to do."""

import re
import uuid
from pathlib import Path

import pytest

from actors.messages.content_ids import CONTENT_IDS, TEXTS, UUIDS
from tests.contents import NO_CONTENT_IDS, NO_TEXT_IDS, SPELLED, SPELLINGS, TEXT_IDS

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"


def test_each_kind_of_content_ids_is_found_by_its_name() -> None:
    assert {kind: ids.kind for kind, ids in CONTENT_IDS.items()} == {"uuid": "uuid", "text": "text"}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_uuid_names_the_same_content(spelling: str) -> None:
    assert UUIDS.canonical(spelling) == SPELLED


@pytest.mark.parametrize("text", NO_CONTENT_IDS)
def test_what_is_no_uuid_is_refused_and_its_author_told_what_to_do(text: str) -> None:
    with pytest.raises(ValueError, match=r"^content_id: .*UUIDv5.*docs/protocol\.md"):
        UUIDS.canonical(text)


@pytest.mark.parametrize("text", TEXT_IDS)
def test_any_text_names_a_content_as_it_is(text: str) -> None:
    assert TEXTS.canonical(text) == text


@pytest.mark.parametrize("text", [*NO_TEXT_IDS, "\ud800"])
def test_text_that_cannot_be_shown_or_stored_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^content_id: must be 1 to 128 characters"):
        TEXTS.canonical(text)


def test_the_uuid_that_the_documents_make_of_an_id_of_another_kind_is_the_one_that_comes_out() -> None:
    made = str(uuid.uuid5(uuid.NAMESPACE_URL, "imdb:tt0111161"))
    shown = re.findall(r'^.*"imdb:tt0111161".*(?:#|//) ([0-9a-f-]{36})$', PROTOCOL.read_text(), re.MULTILINE)
    assert shown == [made, made]
