"""The ledger: Alembic runs this inside the transaction that `midwatch.ledger.migration` has opened."""

from alembic import context

from midwatch.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
