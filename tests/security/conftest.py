"""The daemon under attack is a real process; see tests/daemon.py."""

from tests.daemon import bystander, daemon, http, start_daemon, user, way

__all__ = ["bystander", "daemon", "http", "start_daemon", "user", "way"]
