"""The journal's tables and queries, on SQLite and PostgreSQL."""
