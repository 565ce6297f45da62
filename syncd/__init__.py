"""Settings, wiring and command line: the only place that knows everything."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("syncd")
except PackageNotFoundError:  # run from a checkout
    __version__ = "0.1.0.dev0"
