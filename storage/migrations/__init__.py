"""Alembic's environment and revisions; run by ``storage.schema.version``, never by hand."""
