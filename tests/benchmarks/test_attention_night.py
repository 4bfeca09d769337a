"""The scripted night: whatever its order, the person is woken for the three that matter, and for nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import attention_night


def test_a_night_wakes_for_emergencies_alone(tmp_path: Path) -> None:
    output = tmp_path / "night.json"
    assert attention_night.main(["--seed", "11", "--json", "--output", str(output)]) == 0
    found = json.loads(output.read_text())
    assert (len(found["in_the_night"]), found["counted"]["backup:endings:attention"]) == (3, 14)
    assert sum(found["situations"].values()) == 200
