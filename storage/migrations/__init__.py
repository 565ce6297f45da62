"""Alembic's environment and revisions; run by ``storage.schema``, never by hand."""
