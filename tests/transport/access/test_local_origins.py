"""Which pages of this machine are admitted in development, and what is said of those that are not."""

from collections import Counter

import pytest

from transport.access.local_origins import MAX_SHOWN, LocalOrigins, tell_refused_origin

TV = "https://tv.example"


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3000",
        "https://localhost:8443",
        "http://127.0.0.1:5173",
        "http://[::1]:1",
        TV,
    ],
)
def test_pages_of_this_machine_on_any_port_and_named_ones_are_admitted(origin: str) -> None:
    assert origin in LocalOrigins((TV,))


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "http://localhost.evil.example",
            "http://localhost:3000.evil.example",
            "http://evil.example:3000",
            "null",
            "*",
            "",
        ),
        *(
            "http://localhost:",
            "http://localhost:x",
            "http://localhost:3000/",
            "http://localhost:3000\n",
            "ftp://localhost",
        ),
        *("http://127.0.0.2", "http://user@localhost", "xhttp://localhost"),
    ],
)
def test_no_other_page_is_admitted(origin: str) -> None:
    assert origin not in LocalOrigins((TV,))


def test_there_is_always_an_origin_that_is_admitted() -> None:
    assert all(origin in LocalOrigins(()) for origin in LocalOrigins(()))
    assert len(list(LocalOrigins((TV,)))) == len(LocalOrigins((TV,))) == 2


def test_a_refused_origin_is_counted_and_its_line_says_how_to_allow_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    refusals: Counter[str] = Counter()
    tell_refused_origin("https://evil.example/" + "x" * 1_000 + "\n", refusals)
    assert refusals == {"origin": 1}
    assert "allow its origin by --allowed-origins (SYNCD_ALLOWED_ORIGINS)" in caplog.text
    assert len(caplog.text) < 2 * MAX_SHOWN
