"""Connections to SQLite and PostgreSQL, and the statements that both run."""
