"""Which packages the daemon needs here, and for what: by pyproject.toml, and by the metadata of what is installed."""

import tomllib
from functools import cache
from importlib.metadata import requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXTRAS = ("pubnub", "nats", "postgresql", "opentelemetry")


@cache
def project(directory: Path = ROOT) -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((directory / "pyproject.toml").read_text())["project"]
    return loaded


@cache
def needed() -> dict[str, list[str]]:
    """Return each package that the daemon needs here, with what needs it: the daemon itself, or which extras."""
    found: dict[str, list[str]] = {}
    base = [*project()["dependencies"], *project(ROOT / "clients" / "python")["dependencies"]]
    optional = project()["optional-dependencies"]
    for whose, requirements in (("daemon", base), *((extra, optional[extra]) for extra in EXTRAS)):
        for name in closure(requirements):
            if "daemon" not in found.setdefault(name, []):
                found[name].append(whose)
    return found


def closure(requirements: list[str]) -> set[str]:
    """Return the names of all packages that ``requirements`` mean here, in the end."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(each), "") for each in requirements]
    while waiting:
        requirement, of_extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name == "syncd-client" or not (
            requirement.marker is None or requirement.marker.evaluate({"extra": of_extra})
        ):
            continue
        for extra in ("", *requirement.extras):
            if (name, extra) not in found:
                found.add((name, extra))
                waiting += [(Requirement(each), extra) for each in requires(name) or ()]
    return {name for name, _ in found}
