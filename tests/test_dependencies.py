"""The locks are one and hold everywhere, private names are bounded, and the licences are what the packages say."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.version import Version

from tests.needed_packages import EXTRAS, ROOT, needed, project

SHIPPED = ("crdt", "actors", "storage", "transport", "pages", "syncd")
PYTHONS = ("3.11", "3.12", "3.13")


def pins(lock: str) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Return of each package in a lock its version, its marker and its hashes."""
    found = re.findall(
        r"^(\S+)==(\S+)(?: ; (.+?))? \\\n((?:    --hash=\S+(?: \\)?\n)+)", (ROOT / lock).read_text(), re.MULTILINE
    )
    return {
        name: (version, marker, tuple(re.findall(r"sha256:\w+", hashes))) for name, version, marker, hashes in found
    }


def locked(lock: str, **environment: str) -> set[str]:
    return {name for name, (_, marker, _) in pins(lock).items() if not marker or Marker(marker).evaluate(environment)}


# The locks


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_gives_the_same_packages_on_every_python(lock: str) -> None:
    per_python = [locked(lock, python_version=python, python_full_version=f"{python}.0") for python in PYTHONS]
    assert len(per_python[0]) > 40
    assert all(packages == per_python[0] for packages in per_python)


def test_what_is_shipped_is_what_is_tested() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


def test_the_lock_is_of_the_daemon_with_all_its_extras_and_nothing_else() -> None:
    assert set(EXTRAS) == set(project()["optional-dependencies"]) - {"dev"}
    assert locked("requirements.lock") == set(needed())


# Bounds


def bounds() -> list[tuple[str, str, str]]:
    """Return of each dependency of which private names are used its name, its upper bound and what is said of it."""
    text = (ROOT / "pyproject.toml").read_text()
    found = re.findall(r'"([\w-]+)[^"]*,<([\d.]+)"\S* +# private: (.+)', text)
    assert len(found) == text.count("# private: ")
    return found


def foreign_private_names(module: ast.Module, ours: set[str]) -> Iterator[str]:
    """Return the private names that a module uses of other packages than the standard library's."""
    standard = {alias.name for node in ast.walk(module) if isinstance(node, ast.Import) for alias in node.names}
    standard &= sys.stdlib_module_names
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
            is_overridden = isinstance(node.value, ast.Call) and ast.unparse(node.value) == "super()"
            is_standard = isinstance(node.value, ast.Name) and node.value.id in standard
            if is_overridden or (node.attr not in ours and not is_standard):
                yield node.attr
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [*str(node.module).split("."), *(alias.name for alias in node.names)]
            if names[0] not in {*SHIPPED, "__future__"}:
                yield from (name for name in names if re.match("_[A-Za-z]", name))


def names_made_by(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()) | ast.Name(id=name, ctx=ast.Store()):
                yield name


def test_what_private_names_are_used_of_is_bounded_and_its_places_are_said() -> None:
    modules = {
        path.relative_to(ROOT): ast.parse(path.read_text()) for top in SHIPPED for path in (ROOT / top).rglob("*.py")
    }
    ours = {name for module in modules.values() for name in names_made_by(module)}
    users = {path for path, module in modules.items() if any(foreign_private_names(module, ours))}
    said = [Path(place) for _, _, comment in bounds() for place in re.findall(r"\w+(?:/[\w.]+)+", comment)]
    for place in said:
        assert any(path == place or place in path.parents for path in users), f"{place} uses no private names"
    unsaid = [path for path in users if not any(path == place or place in path.parents for place in said)]
    assert unsaid == [], "pyproject.toml does not say of which package"


def test_a_bound_keeps_out_the_next_minor_release() -> None:
    for name, bound, _ in bounds():
        major, minor, *_ = Version(pins("requirements.lock")[name][0]).release
        assert Version(bound) <= Version(f"{major}.{minor + 1}")


# Licences


def licence(name: str) -> str:
    """Return the licence in the package's own words: an SPDX expression, or the first line of what it says."""
    told = metadata(name)
    words: str = (told.get_all("License-Expression") or told.get_all("License") or [""])[0]
    return words.splitlines()[0]


def test_the_licences_of_all_that_is_installed_are_listed() -> None:
    rows = [
        f"| {name} | {licence(name)} | {', '.join(whose if whose == 'daemon' else f'`{whose}`' for whose in needs)} |"
        for name, needs in sorted(needed().items())
    ]
    listed = re.findall(r"^\| [a-z0-9-]+ \| .+ \|$", (ROOT / "THIRD-PARTY.md").read_text(), re.MULTILINE)
    assert listed[0] == "| package | licence | comes with |"
    assert listed[1:] == rows


def test_the_javascript_that_is_shipped_is_all_our_own() -> None:
    assert "dependencies" not in json.loads((ROOT / "clients/javascript/package.json").read_text())
    built = (ROOT / "clients/javascript/dist/syncd-client.js").read_text()
    assert set(re.findall(r"^// (\w+)/\S+\.[jt]s$", built, re.MULTILINE)) == {"src"}  # as esbuild says of each part
