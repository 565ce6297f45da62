from pathlib import Path

import pytest

from tests.transport.http.lone_api import client
from transport.http.exchange.app import HttpApp
from transport.http.routes.static_files import page_routes


def write(directory: Path, name: str, content: bytes) -> Path:
    file = directory / name
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("page.html", "text/html; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_served_as_what_it_is_with_headers_that_keep_foreign_scripts_out(
    tmp_path: Path, name: str, media_type: str
) -> None:
    routes = page_routes({"/page": write(tmp_path, name, b"content")})
    async with client(HttpApp(routes)) as browser:
        answer = await browser.get("/page")
    assert (answer.status_code, answer.content) == (200, b"content")
    assert answer.headers["Content-Type"] == media_type
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_unchanged_file_is_not_sent_again_and_a_changed_one_is(tmp_path: Path) -> None:
    file = write(tmp_path, "page.js", b"one")
    async with client(HttpApp(page_routes({"/page.js": file}))) as browser:
        known = {"If-None-Match": (await browser.get("/page.js")).headers["ETag"]}
        again = await browser.get("/page.js", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    file.write_bytes(b"two")
    async with client(HttpApp(page_routes({"/page.js": file}))) as browser:
        assert (await browser.get("/page.js", headers=known)).content == b"two"


def test_a_file_that_is_not_there_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing"):
        page_routes({"/": tmp_path / "nothing.html"})
