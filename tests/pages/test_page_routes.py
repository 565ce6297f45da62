"""What the pages' files and tokens are served with, and to whom."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import jwt
import pytest

from pages.files import demo_files, operator_files
from tests.pages.conftest import SECRET, StartDaemon, running_daemon
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a daemon for development that the tests share."""
    with running_daemon(tmp_path_factory.mktemp("daemon")) as url:
        yield url


def ask(
    url: str, path: str, headers: dict[str, str] | None = None, body: str | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    try:
        connection.request("GET" if body is None else "POST", path, body, headers or {})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_every_file_is_served_with_headers_that_keep_foreign_scripts_out(url: str) -> None:
    for path, file in {**demo_files(), **operator_files()}.items():
        answer, body = ask(url, path)
        assert (answer.status, body) == (200, file.read_bytes()), path
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    types = {
        path: ask(url, path)[0].headers["Content-Type"] for path in ("/", "/client/syncd-client.js", "/page/icon.svg")
    }
    assert list(types.values()) == ["text/html; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"]


def test_an_unchanged_file_is_not_sent_again(url: str) -> None:
    etag = ask(url, "/page/page.js")[0].headers["ETag"]
    answer, body = ask(url, "/page/page.js", {"If-None-Match": etag})
    assert (answer.status, body) == (304, b"")


def test_the_page_of_the_service_gets_tokens_for_its_devices(url: str) -> None:
    answer, body = ask(url, "/dev/token", {"Origin": url}, '{"device":"tv"}')
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    given = json.loads(body)
    claims = jwt.decode(given["token"], options={"verify_signature": False})
    assert (given["user_id"], claims["sub"], claims["device_id"]) == ("demo", "demo", "tv")


def test_pages_of_other_origins_get_no_token(url: str) -> None:
    port = urlsplit(url).port
    by_rebinding = {"Host": f"attacker.example:{port}", "Origin": f"http://attacker.example:{port}"}
    for headers in ({}, {"Origin": "null"}, {"Origin": "http://attacker.example"}, by_rebinding):
        answer, body = ask(url, "/dev/token", headers, '{"device":"tv"}')
        assert answer.status == 403, headers
        assert b"token" not in json.loads(body)


@pytest.mark.parametrize("body", ["{}", '{"device":""}', '{"device":7}', "tv"])
def test_a_token_is_for_a_named_device(url: str, body: str) -> None:
    answer, _ = ask(url, "/dev/token", {"Origin": url}, body)
    assert answer.status == 400


def test_in_production_there_is_the_operators_page_only(start_daemon: StartDaemon) -> None:
    url = start_daemon(secret=SECRET)
    assert ask(url, "/admin")[0].status == 200
    assert ask(url, "/")[0].status == 404
    assert ask(url, "/client/syncd-client.js")[0].status == 404
    assert ask(url, "/dev/token", {"Origin": url}, '{"device":"tv"}')[0].status == 404
