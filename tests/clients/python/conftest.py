"""Makes the client importable without installing it; its daemon is a real process: see tests/daemon.py."""

import sys
from pathlib import Path

from tests.daemon import bystander, daemon, http, start_daemon, user

sys.path.insert(0, str(Path(__file__).parents[3] / "clients" / "python"))

__all__ = ["bystander", "daemon", "http", "start_daemon", "user"]
