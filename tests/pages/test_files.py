"""Which file is served where: every path has a file, and the pages ask for nothing else; development serves both."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from pages.files import STATIC, demo_files, operator_files


@pytest.mark.parametrize("files", [demo_files(), operator_files()], ids=["demo", "operator"])
def test_every_path_has_a_file(files: dict[str, Path]) -> None:
    for path, file in files.items():
        assert path.startswith("/")
        assert file.is_file(), file


@pytest.mark.parametrize(
    ("files", "page"),
    [({**operator_files(), **demo_files()}, "/"), (operator_files(), "/admin")],
    ids=["demo", "operator"],
)
def test_a_page_asks_only_for_what_is_served_with_it(files: dict[str, Path], page: str) -> None:
    asked = re.findall(r'(?:src|href)="([^"#]+)"', files[page].read_text())
    assert asked
    assert [name for name in asked if name.startswith("/")] == []  # a proxy may serve it all below a path
    assert {urljoin(page, name) for name in asked} <= set(files)


def test_the_operators_page_has_nothing_of_the_demo() -> None:
    assert set(operator_files()) & set(demo_files()) == {f"/page/{path.name}" for path in (STATIC / "shared").iterdir()}
