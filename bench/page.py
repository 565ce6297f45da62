"""A document's figures: blocks between markers, which ``python -m bench --write PAGE`` measures and writes."""

import re
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(r"(<!-- bench: ([\w-]+) -->\n)(.*?)(^<!-- /bench -->$)", re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> dict[str, str]:
    """Return the contents of the blocks of ``page`` by name, in their order."""
    return {name: content for _, name, content, _ in _BLOCK.findall(page.read_text(encoding="utf-8"))}


def write_block(page: Path, name: str, content: str) -> None:
    """Put ``content`` into the block with that name, if ``page`` has it."""

    def replaced(found: re.Match[str]) -> str:
        return f"{found[1]}{content.strip()}\n{found[4]}" if found[2] == name else found[0]

    text = page.read_text(encoding="utf-8")
    page.write_text(_BLOCK.sub(replaced, text), encoding="utf-8")


def block_of_output(output: str, caption: str) -> str:
    """Return what a program printed, a table as it is, and what it is below it."""
    shown = output.strip()
    if not shown.startswith("|"):
        shown = f"```text\n{shown}\n```"
    return f"{shown}\n\n{caption}"
