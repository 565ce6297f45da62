"""The figures in the documents: each is one that the bench measures."""

from pathlib import Path
from typing import Final

import pytest

from bench.__main__ import PROGRAMS, SCENARIOS
from bench.page import block_of_output, blocks, write_block

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (ROOT / "docs" / "performance.md", ROOT / "docs" / "security.md")
PAGE: Final = """before
<!-- bench: writes -->
old
<!-- /bench -->
between
<!-- bench: bus -->
<!-- /bench -->
"""


def rows_of(block: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in block.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_is_something_that_the_bench_knows(page: Path) -> None:
    names = [*blocks(page)]
    assert set(names) <= {*SCENARIOS, *PROGRAMS}
    assert len(names) == page.read_text().count("<!-- bench: ") == page.read_text().count("<!-- /bench -->")


def test_every_row_of_a_table_is_a_figure_of_its_scenario_and_every_column_a_peer_of_it() -> None:
    tables = {name: rows_of(block) for name, block in blocks(PAGES[0]).items() if name in SCENARIOS}
    for name, (head, _, *rows) in ((name, rows) for name, rows in tables.items() if rows):
        assert set(head[3:-1]) <= {peer.name for peer in SCENARIOS[name].peers}
        assert {row[0] for row in rows} <= {figure.name for figure in SCENARIOS[name].figures}


def test_a_block_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    write_block(page, "writes", "| new |\n")
    write_block(page, "bus", "newer \\1")
    write_block(page, "fan-out", "elsewhere")
    assert page.read_text() == PAGE.replace("old", "| new |").replace("bus -->\n", "bus -->\nnewer \\1\n")
    assert blocks(page) == {"writes": "| new |\n", "bus": "newer \\1\n"}


def test_what_a_program_prints_is_shown_as_it_is() -> None:
    assert block_of_output("| a |\n", "by b") == "| a |\n\nby b"
    assert block_of_output("nats\n  publish\n", "by b") == "```text\nnats\n  publish\n```\n\nby b"
