"""The ledger: Alembic's home. One revision for one change of the tables, in `versions/`."""
