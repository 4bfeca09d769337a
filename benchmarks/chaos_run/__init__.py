"""Chaos: does a run that is killed anywhere come out as if it had not been? Real processes, really killed."""
