"""Alembic's environment: runs in the transaction that ``storage.schema.version`` has opened and locked."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
