"""``syncd config``: the settings that the daemon would have here, and where each comes from. No secret is printed."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from syncd import setting_sources
from syncd.checks.secret_settings import SECRETS, redacted
from syncd.setting_sources import Resolved
from syncd.settings import GROUPS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print a list of {name, value, source}")
    setting_sources.add_flags(parser)


def run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print the settings as TOML, each with its source."""
    found = setting_sources.resolve(vars(arguments), environment)
    values = {name: _shown(found, name) for name in found.sources}
    if arguments.json:
        print(json.dumps([{"name": name, "value": values[name], "source": found.sources[name]} for name in values]))
        return 0
    lines = []
    for name, value in values.items():
        if name in GROUPS:
            lines += ["", f"# {GROUPS[name]}"]
        if value is None:
            lines.append(f"# {name}: not set")
        else:
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}  # {found.sources[name]}")
    print("\n".join(lines[1:]))
    return 0


def _shown(found: Resolved, name: str) -> object:
    """Return the value as JSON has it, without its secrets."""
    value = msgspec.to_builtins(getattr(found.settings, name), enc_hook=_text)
    if name in SECRETS and value is not None:
        return "***"
    return redacted(value, found.settings) if isinstance(value, str) else value


def _text(value: object) -> str:
    assert isinstance(value, Path)  # the only type of a setting that JSON does not have
    return str(value)
