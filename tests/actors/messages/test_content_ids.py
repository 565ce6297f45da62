"""A content is named by a UUID, in whichever spelling; whatever else people have is refused with what to do."""

import re
import uuid
from pathlib import Path

import pytest

from actors.messages.content_ids import content_id_of
from tests.contents import NO_CONTENT_IDS, SPELLED, SPELLINGS

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_uuid_names_the_same_content(spelling: str) -> None:
    assert str(content_id_of(spelling)) == SPELLED


@pytest.mark.parametrize("text", NO_CONTENT_IDS)
def test_whatever_else_is_refused_and_told_what_to_do(text: str) -> None:
    with pytest.raises(ValueError, match=r"^content_id: .*UUIDv5.*docs/protocol\.md"):
        content_id_of(text)


def test_the_uuid_that_the_documents_make_of_an_id_of_another_kind_is_the_one_that_comes_out() -> None:
    made = str(uuid.uuid5(uuid.NAMESPACE_URL, "imdb:tt0111161"))
    shown = re.findall(r'^.*"imdb:tt0111161".*(?:#|//) ([0-9a-f-]{36})$', PROTOCOL.read_text(), re.MULTILINE)
    assert shown == [made, made]
