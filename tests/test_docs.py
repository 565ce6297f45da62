"""The documents say nothing of files, links, commands and steps that do not exist."""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pytest

ROOT: Final = Path(__file__).parents[1]


def _documents() -> Iterator[Path]:
    for directory, folders, files in os.walk(ROOT):
        folders[:] = [folder for folder in folders if not folder.startswith(".") and folder != "node_modules"]
        yield from (Path(directory, file) for file in files if file.endswith(".md"))


DOCUMENTS: Final = sorted(_documents())
ARCHITECTURE: Final = ROOT / "docs" / "architecture.md"
DECISIONS: Final = ROOT / "docs" / "decisions"
WITH_PATHS: Final = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ARCHITECTURE,
    ROOT / "docs" / "glossary.md",
    *sorted(DECISIONS.glob("*.md")),
)
WITH_NAMES: Final = (ARCHITECTURE, ROOT / "CONTRIBUTING.md", ROOT / "docs" / "glossary.md")
SOURCES: Final = ("actors", "bench", "clients", "crdt", "pages", "storage", "syncd", "tests", "transport")

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def prose(document: Path) -> str:
    """Return what is not code."""
    return re.sub(
        r"`[^`\n]*`", "``", re.sub(r"^ *```.*?^ *```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    )


def anchors(document: Path) -> set[str]:
    """Return the names of the headings, as repository hosts make them."""
    text = re.sub(r"^ *```.*?^ *```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+)$", text, re.MULTILINE):
        shown = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        again = sum(name == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", name) is not None for name in found)
        found.add(f"{slug}-{again}" if again else slug)
    return found


def paths_in(text: str) -> Iterator[str]:
    """Return what stands in backticks and is the name of a file or folder of the repository."""
    top = {path.name for path in ROOT.iterdir()}
    for name in re.findall(r"`([\w./-]+)`", text):
        if ("/" in name and name.partition("/")[0] in top) or re.fullmatch(r"[\w-]+\.(md|toml|lock)|Makefile", name):
            yield name


def steps_in(text: str) -> Iterator[int]:
    """Return the steps that a source points to."""
    for first, joint, last in re.findall(r"steps? (\d+)(?: (and|to) (\d+))? in docs/architecture\.md", text):
        yield from range(int(first), int(last) + 1) if joint == "to" else map(int, filter(None, (first, last)))


def sources() -> Iterator[Path]:
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".ts"} and "node_modules" not in path.parts and path != Path(__file__):
                yield path


@every_document
def test_every_link_leads_to_a_file_and_a_heading_of_it(document: Path) -> None:
    for target in re.findall(r"\[[^]]*]\(([^)\s]+)\)", prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = document.parent / unquote(name) if name else document
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


@every_document
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = re.findall(r"^ *```.*?^ *```$|`[^`\n]+`", document.read_text(), re.DOTALL | re.MULTILINE)
    named = {name for text in code for name in re.findall(r"\bmake (?:[A-Z_]+=\S+ )*([a-z][a-z-]*)", text)}
    assert named <= targets


@pytest.mark.parametrize("document", WITH_PATHS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    missing = [name for name in paths_in(document.read_text()) if not (ROOT / name).exists()]
    assert not missing


@cache
def words_of_code() -> set[str]:
    packages = [path for path in ROOT.iterdir() if (path / "__init__.py").exists()]
    files = [file for package in (*packages, ROOT / "clients" / "python") for file in package.rglob("*.py")]
    return {word for file in files for word in re.findall(r"\w+", file.read_text())}


@pytest.mark.parametrize("document", WITH_NAMES, ids=lambda path: path.name)
def test_every_class_and_message_that_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w*)`", document.read_text()))
    assert named - words_of_code() == set()


def test_a_term_of_the_glossary_has_one_row() -> None:
    rows = re.findall(r"^\| (.+?) \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    terms = [term for row in rows if row not in {"term", "---"} for term in row.split(", ")]
    assert [term for term in terms if terms.count(term) > 1] == []


def test_what_the_readme_has_a_reader_make_is_left_out_of_commits() -> None:
    made = re.findall(r"(?: > |--state )(\S+)", (ROOT / "README.md").read_text())
    ignored = (ROOT / ".gitignore").read_text().split()
    assert made == ["tv.token", "tv.db"]
    assert [name for name in (*made, "tv.db-wal") if not any(fnmatch(name, pattern) for pattern in ignored)] == []


def proofs_of_attacks() -> Iterator[tuple[str, Path, list[str]]]:
    """Return, of each row of the table of attacks, the attack, each file of tests, and words of tests' names in it."""
    text = (ROOT / "docs" / "security.md").read_text()
    table = text.partition("## Attacks and defences")[2].partition("\n## ")[0]
    paths: list[Path] = []
    for attack, _, shown in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)[1:]:
        for part in re.split(r"; |, and ", shown):
            names = re.findall(r"`([\w/]+\.py)`", part)
            paths = [ROOT / (name if "/" in name else f"tests/security/{name}") for name in names] or paths
            for path in paths:
                yield attack, path, re.findall(r"\*([^*]+)\*", part)


def test_every_attack_has_tests_that_exist() -> None:
    rows = list(proofs_of_attacks())
    assert len({attack for attack, _, _ in rows}) > 50
    missing: list[tuple[str, str, str]] = []
    for attack, path, words in rows:
        names = " ".join(re.findall(r"def (test_\w+)", path.read_text()))
        named = {word: re.sub("[ -]", "_", word.lower()) for word in words}
        missing += [(attack, path.name, word) for word, part in named.items() if part not in names]
    assert missing == []


def test_the_steps_are_numbered_1_to_7_and_each_has_its_file() -> None:
    steps = re.split(r"^### Step (\d+): (\w+)\n", ARCHITECTURE.read_text(), flags=re.MULTILINE)[1:]
    assert [int(number) for number in steps[::3]] == [1, 2, 3, 4, 5, 6, 7]
    for number, name, text in zip(steps[::3], steps[1::3], steps[2::3], strict=True):
        source = (ROOT / next(paths_in(text))).read_text()
        assert f"class {name}" in source
        assert int(number) in steps_in(source), name


def test_sources_point_to_steps_that_exist_and_say_where_they_are() -> None:
    headings = {int(number) for number in re.findall(r"^### Step (\d+):", ARCHITECTURE.read_text(), re.MULTILINE)}
    pointed: set[int] = set()
    for path in sources():
        text = path.read_text()
        pointed.update(steps_in(text))
        assert "documented step" not in text, path
    assert pointed == headings


def test_every_decision_is_in_the_index_under_its_number() -> None:
    pages = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    assert [page[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    rows = re.findall(r"^\| \[(\d+)]\(([^)]+)\) \| (.+) \|$", (DECISIONS / "README.md").read_text(), re.MULTILINE)
    assert [file for _, file, _ in rows] == pages
    for number, file, title in rows:
        assert (DECISIONS / file).read_text().startswith(f"# {number}: {title}\n")
