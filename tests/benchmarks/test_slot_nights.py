"""A night in which everything goes wrong, small: every slot has one account, and none two runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.slot_nights import EVENINGS, one_night
from benchmarks.slots.week import WEEK


@pytest.mark.parametrize("evening", ["Berlin, clocks back", "New York, clocks forward"])
async def test_no_slot_of_a_night_is_lost_or_run_twice(evening: str, tmp_path: Path) -> None:
    some = tuple(agent for agent in WEEK if agent.name in ("daily", "books", "triage"))
    score, holds = await one_night(EVENINGS[evening], 11, tmp_path, hours=5, agents=some)
    assert holds
    assert score.expected > 10
    assert (score.double, score.lost, score.strange, score.accounted) == (0, 0, 0, score.expected)
