"""The ledger: the revisions, each named by what it brought."""
