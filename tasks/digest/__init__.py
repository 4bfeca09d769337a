"""Human judgment: the digest, from the ledger's facts to each place where a person may read it."""
