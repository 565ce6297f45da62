import pytest

from transport.http.exchange.etags import entity_tag, is_known, tag_of


def test_a_tag_is_quoted_and_names_epoch_and_revision() -> None:
    assert entity_tag("9f86d081", 7) == '"9f86d081-7"'


def test_an_answer_has_a_tag_of_its_own() -> None:
    assert is_known(tag_of(b"{}"), tag_of(b"{}"))
    assert not is_known(tag_of(b"{}"), tag_of(b"[]"))


@pytest.mark.parametrize("known", ['"e-7"', 'W/"e-7"', '"x-1", "e-7"', '"x-1" , W/"e-7"', "*", " * "])
def test_what_the_client_has_is_known_whole_or_weakly_alone_or_in_a_list(known: str) -> None:
    assert is_known('"e-7"', known)


@pytest.mark.parametrize("known", ["", '"e-70"', '"e-6"', "e-7", '"E-7"', "**"])
def test_an_entity_tag_that_the_client_does_not_name_is_not_known(known: str) -> None:
    assert not is_known('"e-7"', known)
