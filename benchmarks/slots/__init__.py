"""Benchmark: a model of what Prefect does with schedules, and nights to live through beside it."""
