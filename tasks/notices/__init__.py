"""Notices: who is told of what needs them, when, and by which channel? Prefect's notification blocks carry them."""
