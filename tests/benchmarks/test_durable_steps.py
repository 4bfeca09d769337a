from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from benchmarks.durable import bare
from benchmarks.durable.figures import as_json, growth, least, overhead, times_below
from benchmarks.durable.store import stored
from benchmarks.durable.trial import System, Trial
from benchmarks.durable.work import Work, noted
from benchmarks.durable_steps import plan


def trial(system: System, steps: int, ms: float, **seen: Any) -> Trial:
    facts: dict[str, Any] = {
        "start_ms": 5.0,
        "between_ms": ms,
        "processor_ms": ms,
        "bytes_per_step": 100.0,
        "bytes_by_part": {},
        "peak_rss_mb": 90.0,
        "task_runs": None,
        "resume_seconds": None,
        "resumed_at": None,
    }
    return Trial(system=system, steps=steps, ms_per_step=ms, **(facts | seen))


async def test_the_scripted_work_is_one_request_and_one_call_a_step_and_then_a_text(tmp_path: Path) -> None:
    work = Work(steps=3, life="whole", store=tmp_path)
    await bare.run(work)
    assert (work.seen()["requests"], work.seen()["first_number"], work.seen()["bytes"]) == (4, 1, {})


async def test_a_model_that_is_asked_after_a_tool_result_goes_on_behind_it(tmp_path: Path) -> None:
    work = Work(steps=9, life="resumed", store=tmp_path)
    assert await work.asked(noted(7)) == 8
    assert work.first_number == 8
    assert await work.asked(noted(9)) is None


def test_a_run_that_ended_otherwise_than_scripted_is_not_compared(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="'sorry' instead of '3 numbers noted'"):
        Work(steps=3, life="whole", store=tmp_path).answered("sorry")


def test_a_row_is_the_least_of_its_trials_and_the_worst_of_what_must_always_hold() -> None:
    seen = [(9.0, 101, 305), (1.0, 100, 304), (2.0, 101, 305)]
    trials = [trial("midwatch", 100, ms, resume_seconds=ms, resumed_at=at, task_runs=shown) for ms, at, shown in seen]
    row = least(trials)["midwatch", 100]
    assert (row.ms_per_step, row.resume_seconds, row.resumed_at, row.task_runs) == (1.0, 1.0, 100, 304)


def test_overhead_is_over_the_bare_loop_of_as_many_steps_and_growth_is_of_the_overhead() -> None:
    figures: list[tuple[System, int, float]] = [
        ("bare", 100, 3.0),
        ("bare", 1000, 12.0),
        ("midwatch", 100, 6.0),
        ("midwatch", 1000, 15.3),
        ("prefectdurability", 100, 99.0),
    ]
    rows = least([trial(*each) for each in figures])
    assert overhead(rows, "midwatch", 100) == 3.0
    assert growth(rows, "midwatch") == pytest.approx(1.1)
    assert times_below(rows, "midwatch", "prefectdurability", 100) == 16.5
    assert growth(rows, "dbos") is None


def test_what_was_not_measured_is_null() -> None:
    assert as_json("prefectdurability", 1000, None) == {
        "system": "prefectdurability",
        "steps": 1000,
        "ms_per_step": None,
        "start_ms": None,
        "bytes_per_step": None,
        "resume_seconds": None,
    }


def test_every_run_is_repeated_short_ones_first_and_the_systems_take_turns() -> None:
    assert plan(["bare", "prefectdurability"], [300, 20], 2) == [
        ("bare", 20),
        ("prefectdurability", 20),
        ("bare", 20),
        ("prefectdurability", 20),
        ("bare", 300),
        ("bare", 300),
    ]


def test_a_write_ahead_log_counts_as_what_it_will_be_in_its_database(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "ledger.db")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t (x)")
    for _ in range(200):
        database.execute("INSERT INTO t VALUES (1)")
        database.commit()
    assert (tmp_path / "ledger.db-wal").stat().st_size > 200_000
    assert 0 < stored(tmp_path)["ledger"] < 50_000
    database.close()
