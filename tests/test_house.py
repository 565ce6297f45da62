"""The house rules that no other tool holds: a test file for each module, files and functions that fit on a page."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("crdt", "actors", "storage", "transport", "pages", "pubnub_broker", "syncd")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MODULES = [path.relative_to(ROOT) for path in FILES]
READ = (*PACKAGES, "simulation", "bench", "clients/python/syncd_client")
"""Whose files have to fit: also of what has no test file for each module."""
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 40

TESTED_ELSEWHERE = {
    "storage/migrations/versions/v0001_journal.py": "tests/storage/schema/test_version.py",
    "storage/migrations/versions/v0002_revocations.py": "tests/storage/schema/test_version.py",
    "storage/migrations/versions/v0003_answers.py": "tests/storage/schema/test_version.py",
    "storage/migrations/versions/v0004_entries_by_age.py": "tests/storage/schema/test_version.py",
    "storage/migrations/versions/v0005_no_entries_by_content_and_age.py": "tests/storage/schema/test_upgrade.py",
    "storage/migrations/versions/v0006_bounds.py": "tests/storage/schema/test_upgrade.py",
    "storage/migrations/versions/v0007_collections.py": "tests/storage/schema/test_upgrade.py",
    "storage/migrations/versions/v0008_registers.py": "tests/storage/schema/test_upgrade.py",
    "storage/migrations/versions/v0009_devices.py": "tests/storage/schema/test_upgrade.py",
}
"""Modules without a test file of their own, and who tests them."""


@cache
def parsed(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_text())


def functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function below ``node`` but those of protocols, which have no body."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in child.bases):
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
        yield from functions(child)


def has_behaviour(module: Path) -> bool:
    """Whether a module does anything; structs, constants, and exceptions that keep what they are given do not."""
    return any(function.name != "__init__" for function in functions(parsed(module)))


def mirror_of(module: Path) -> Path:
    return ROOT / "tests" / module.parent / f"test_{module.name}"


def test_every_module_with_behaviour_has_a_test_file_of_its_own() -> None:
    lonely = [str(module) for module in MODULES if not mirror_of(module).exists() and has_behaviour(module)]
    assert lonely == sorted(TESTED_ELSEWHERE)


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    files = [path for folder in READ for path in (ROOT / folder).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {file: lines for file, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


@pytest.mark.parametrize("module", ["syncd/node.py", "syncd/starts.py", "syncd/deps.py", "syncd/server.py"])
def test_what_wires_everything_is_made_of_short_functions(module: str) -> None:
    lengths = {
        function.name: (function.end_lineno or 0) - function.lineno + 1 for function in functions(parsed(Path(module)))
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}


def drawn(tree: str) -> dict[str, str]:
    """Return each name of a tree in a docstring, with its parent's; ``Exception``: it has none."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for indent, name in re.findall(r"^([│├└─ ]*)([A-Z]\w+)(?= |$)", tree, re.MULTILINE):
        above = [(depth, other) for depth, other in above if depth < len(indent)]
        parents[name] = above[-1][1] if above else "Exception"
        above.append((len(indent), name))
    return parents


@pytest.mark.parametrize("floor", ["actors", "storage", "transport", "syncd"])
def test_errors_of_a_floor_are_a_tree_by_fault_and_it_is_drawn(floor: str) -> None:
    errors = import_module(f"{floor}.errors")
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == errors.__name__]
    tree = drawn(str(errors.__doc__))
    assert {"PeerError", "TemporaryError", "DefectError"} <= tree.keys()
    assert {kind.__name__: kind.__bases__[0].__name__ for kind in classes}.items() <= tree.items()


OF_TESTS = re.compile(r"^\s*(?:from|import) tests\b", re.MULTILINE)


def test_the_product_knows_nothing_of_its_tests() -> None:
    assert [str(module) for module in MODULES if OF_TESTS.search((ROOT / module).read_text())] == []


@pytest.mark.integration
def test_a_runtime_of_its_own_is_imported_as_documented_and_brings_nothing_else_of_ours() -> None:
    program = (
        "from actors.runtime import LoopActor, LoopFuture, use_loop\n"
        "import sys\n"
        "assert issubclass(LoopActor, __import__('pykka').Actor) and callable(use_loop) and LoopFuture()\n"
        "print(*(name for name in sys.modules if name.partition('.')[0] in sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert all(name == "actors" or name.startswith("actors.runtime") for name in done.stdout.split())
