"""Every spelling of every secret is found in a text of another program, and nothing else is lost from it."""

from typing import Any

import pytest

from syncd.checks.secret_settings import SECRETS, redacted, secrets_of
from syncd.settings import Settings

SECRET = "a secret of the tests, and long enough"


def test_without_secrets_a_text_stays_as_it_is() -> None:
    settings = Settings(database_url="postgresql://db/syncd", bus="nats://bus:4222")
    assert secrets_of(settings) == {}
    assert redacted("postgresql://db/syncd is away", settings) == "postgresql://db/syncd is away"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_found_by_its_setting(name: str) -> None:
    chosen: dict[str, Any] = {name: SECRET}
    settings = Settings(**chosen)
    assert secrets_of(settings) == {name: (SECRET,)}
    assert redacted(f"'{SECRET}' is too short", settings) == "'***' is too short"


@pytest.mark.parametrize(
    ("name", "url", "spellings"),
    [
        ("database_url", "postgresql://ann:one%21@db/syncd", ("one%21", "one!")),
        ("database_url", "postgresql://ann:who?@db/syncd", ("who?",)),
        ("database_url", "postgresql://db/syncd?user=ann&password=one%21", ("one%21", "one!")),
        ("database_url", "postgresql://db/syncd?sslpassword=two", ("two",)),
        ("database_url", "postgresql://ann@db/syncd", None),
        ("bus", "nats://token@bus:4222", ("token",)),
        ("bus", "nats://node:right@bus:4222", ("right",)),
        ("bus", "nats://bus:4222", None),
    ],
)
def test_a_password_in_a_url_is_found_as_it_is_written_and_as_it_is_meant(
    name: str, url: str, spellings: tuple[str, ...] | None
) -> None:
    chosen: dict[str, Any] = {name: url}
    settings = Settings(**chosen)
    assert set(secrets_of(settings).get(name, ())) == set(spellings or ())
    for spelling in spellings or ():
        assert spelling not in redacted(f"{url} {spelling}", settings)


def test_a_password_that_is_a_word_is_not_found_in_another_word() -> None:
    settings = Settings(database_url="postgresql://postgres:postgres@db/syncd")
    assert redacted("postgresql: no password for 'postgres'", settings) == "postgresql: no password for '***'"


def test_of_two_spellings_the_longer_is_taken_out_first() -> None:
    settings = Settings(database_url="postgresql://ann:a%41@db/syncd")
    assert redacted("a%41 or aA", settings) == "*** or ***"
