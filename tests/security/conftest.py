"""The daemon under attack is a real process; see tests/syncd/conftest.py."""

from tests.syncd.conftest import bystander, daemon, http, start_daemon, user

__all__ = ["bystander", "daemon", "http", "start_daemon", "user"]
