"""The daemon is a real process: see tests/daemon.py."""

from tests.daemon import bystander, daemon, http, start_daemon, user
from tests.databases import database_url, postgresql

__all__ = ["bystander", "daemon", "database_url", "http", "postgresql", "start_daemon", "user"]
