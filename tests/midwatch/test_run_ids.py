"""The short form of a run's id."""

from __future__ import annotations

from midwatch.run_ids import short

BATCH = ("019ab3c0-4d21-7a10-8c55-2f36f1f9a001", "019ab3c0-4d21-7f02-9e52-77b0c2d4e5f6")
"""As Prefect makes them for the runs of one schedule."""


def test_runs_of_one_batch_have_short_forms_of_their_own() -> None:
    assert [short(run_id) for run_id in BATCH] == ["f1f9a001", "c2d4e5f6"]
