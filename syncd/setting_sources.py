"""Where each setting's value comes from: a flag, an environment variable, the TOML file, the default, in that order."""

import argparse
import math
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from syncd.errors import SettingsError
from syncd.settings import GROUPS, MEANS_ON_OR_OFF, Settings

ENVIRONMENT_PREFIX: Final = "SYNCD_"
DEFAULT: Final = "default"

_KEPT_AS_WRITTEN: Final = {"jwt_secret", "jwt_previous_secret"}
"""Whitespace around these may be part of them to whoever signs with them: see ``transport.access.signing_keys``."""

_ALIKE: Final = 0.75
"""How alike two names have to be for one to pass for a misspelling of the other, as ``PROT`` of ``PORT``."""

_METAVARS: Final = {
    "_url": "URL",
    "_dir": "DIRECTORY",
    "_file": "FILE",
    "_secret": "SECRET",
    "_token": "TOKEN",
    "_key": "KEY",
    "_endpoint": "URL",
    "_algorithms": "NAME,…",
    "_origins": "ORIGIN,…",
    "_proxies": "ADDRESS,…",
    "_prefix": "PATH",
    "_socket": "FILE",
    "_ratio": "0…1",
    "_origin": "HOST",
    "_per_second": "NUMBER",
    "port": "PORT",
    "host": "ADDRESS",
    "bus": "none|pubnub|nats://…",
    "_audience": "NAME",
    "_issuer": "NAME",
}
"""What the ends of names say of the value; a setting without one is a number."""

_TYPES: dict[str, Any] = get_type_hints(Settings, include_extras=True)


class Resolved(Struct, frozen=True):
    """The settings, and how they came about."""

    settings: Settings
    sources: dict[str, str] = {}
    """By name: ``--port``, ``SYNCD_PORT``, ``port in FILE``, ``default``."""
    stripped: tuple[str, ...] = ()
    """Names of settings whose value had whitespace around it."""
    misspelt: dict[str, str] = {}
    """Environment variables that are no settings, each with the setting's that may be meant."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag per setting, in groups, and ``--config``."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file with settings by name (host, data_dir, …)"
    )
    group = parser.add_argument_group("settings")
    for name in Settings.__struct_fields__:
        if name in GROUPS:
            group = parser.add_argument_group(GROUPS[name])
        group.add_argument(flag_of(name), dest=name, metavar=_metavar(name), help=_help(name), default=None)


def load(flags: Mapping[str, object], environment: Mapping[str, str]) -> Settings:
    """Return the settings; see ``resolve``. Raises: SettingsError."""
    return resolve(flags, environment).settings


def resolve(flags: Mapping[str, object], environment: Mapping[str, str]) -> Resolved:
    """Return the settings and their sources. What is empty is not set.

    Args:
        flags: parsed arguments by setting name; ``None``: not given. ``config``: the TOML file's path.
        environment: as ``os.environ``.

    Raises:
        SettingsError: names the setting, where it was set, and what is expected.
    """
    config = flags.get("config")
    file = _read_toml(config) if isinstance(config, Path) else {}
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    stripped: list[str] = []
    for name in Settings.__struct_fields__:
        variable = ENVIRONMENT_PREFIX + name.upper()
        sources[name] = DEFAULT
        for source, value in (
            (flag_of(name), flags.get(name)),
            (variable, environment.get(variable)),
            (f"{name} in {config}", file.get(name)),
        ):
            if value is not None and not (isinstance(value, str) and not value.strip()):
                values[name], sources[name] = _convert(name, source, value), source
                if isinstance(value, str) and value != value.strip():
                    stripped.append(name)
                break
    chosen = Settings(**values)  # type: ignore[arg-type]  # converted one by one
    return Resolved(chosen, sources, tuple(stripped), _misspelt(environment))


def _misspelt(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``Resolved.misspelt``.

    Variables that resemble no setting are passed over: Kubernetes and operators have some that begin with the prefix.
    """
    names = [name.upper() for name in Settings.__struct_fields__]
    found: dict[str, str] = {}
    for variable in sorted(environment):
        said = variable.removeprefix(ENVIRONMENT_PREFIX)
        if said != variable and said not in names and (alike := get_close_matches(said, names, 1, _ALIKE)):
            found[variable] = ENVIRONMENT_PREFIX + alike[0]
    return found


def flag_of(name: str) -> str:
    """Return the flag of a setting."""
    return "--" + name.replace("_", "-")


def _metavar(name: str) -> str:
    if choices := _choices(name):
        return f"{{{','.join(choices)}}}"
    if float in _kinds(name) and not name.endswith(("_per_second", "_ratio")):
        return "SECONDS"
    return next((metavar for end, metavar in _METAVARS.items() if name.endswith(end)), "NUMBER")


def _kinds(name: str) -> Iterator[Any]:
    """Yield the types that a setting may have, without what is said about them."""
    waiting = [_TYPES[name]]
    while waiting:
        kind = waiting.pop()
        inner = [each for each in get_args(kind) if not isinstance(each, Meta)]
        if inner and get_origin(kind) is not tuple and get_origin(kind) is not Literal:
            waiting += inner
        else:
            yield kind


def _choices(name: str) -> tuple[str, ...]:
    for kind in _kinds(name):
        if kind is bool:
            return ("on", "off")
        if get_origin(kind) is Literal:
            return get_args(kind)
    return ()


def _help(name: str) -> str:
    description = next(
        meta.description for meta in get_args(_TYPES[name]) if isinstance(meta, Meta) and meta.description
    )
    default = getattr(Settings(), name)
    if default in (None, (), ""):
        return description
    shown = ("off", "on")[default] if isinstance(default, bool) else default
    return f"{description} (default: {shown})"


def _convert(name: str, source: str, value: object) -> object:
    kinds = list(_kinds(name))
    if isinstance(value, str):
        value = _text(name, source, value, is_path=Path in kinds)
        if bool in kinds:
            value = MEANS_ON_OR_OFF.get(value.lower(), value)
        elif any(get_origin(kind) is tuple for kind in kinds):
            value = value.split(",")
    if isinstance(value, list):
        value = [part for part in (each.strip() if isinstance(each, str) else each for each in value) if part != ""]
    try:
        converted = msgspec.convert(value, _TYPES[name], strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        allowed = f"; it is one of {', '.join(_choices(name))}" if _choices(name) else ""
        raise SettingsError(f"{source}: {error}{allowed}") from None
    if isinstance(converted, float) and not math.isfinite(converted):
        raise SettingsError(f"{source}: Expected a number, not {converted}")
    return converted


def _text(name: str, source: str, value: str, *, is_path: bool) -> str:
    """Return what is meant by ``value``. Raises: SettingsError, it has bytes that its setting cannot have."""
    if "\0" in value:
        raise SettingsError(f"{source}: it has a zero byte")
    if is_path:
        return value.rstrip("\r\n")  # a file's last line break; all else may be a part of a path's name
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{source}: it is not UTF-8") from None
    return value if name in _KEPT_AS_WRITTEN else value.strip()


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise msgspec.ValidationError(f"expected a path, got {value!r}")


def _read_toml(path: Path) -> dict[str, object]:
    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError) as error:  # the latter: it is not UTF-8, or no TOML
        raise SettingsError(f"--config {path}: {error}") from None
    unknown = sorted(values.keys() - set(Settings.__struct_fields__))
    if unknown:
        raise SettingsError(f"--config {path}: unknown setting {unknown[0]!r}")
    return values
