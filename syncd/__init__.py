"""Settings, wiring and command line: the only place that knows everything."""

from typing import Final

__version__: Final = "0.1.0"
"""The version of the service in a checkout and of its wheel: ``pyproject.toml`` has the same."""
