from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.chaos_run.evidence import Evidence, Remains
from benchmarks.chaos_run.judge import judged
from benchmarks.chaos_run.plan import Plan
from benchmarks.chaos_run.scenario import SCENARIOS, Planned, Scenario, planned
from benchmarks.chaos_run.trial import FaultKind
from benchmarks.chaos_run.world import Mark
from midwatch.calls import canonical_json
from midwatch.ledger import AskRow, EffectRow

PROJECT: Final = Path(__file__).parents[2]
NOW: Final = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
ENTRY, POST = planned("entry", line="one"), planned("post", line="hello")
SCENARIO: Final = Scenario(name="two", turns=((ENTRY, POST),))


def mark(call: Planned, stage: Any = "did") -> Mark:
    return Mark(tool=call.tool, args_json=canonical_json(call.args), stage=stage)


def effect(call: Planned, state: Any = "consumed", kind: str = "tool_return") -> EffectRow:
    return EffectRow(
        effect_id=1,
        run_id="run",
        call_id=f"main/{call.tool}",
        digest="",
        tool=call.tool,
        args_json=canonical_json(call.args),
        idempotency_key="",
        ask_id=None,
        state=state,
        attempts=1,
        result_json=json.dumps({"kind": kind}) if state == "consumed" else None,
        why="",
        reserved_at=NOW,
        settled_at=None,
        undo="",
    )


def question(call: Planned) -> AskRow:
    return AskRow(
        ask_id=f"settle {call.tool}",
        run_id="run",
        call_id=f"main/{call.tool}",
        tool=call.tool,
        args_json=canonical_json(call.args),
        digest="",
        kind="settle",
        rule="",
        reason="",
        words="",
        created_at=NOW,
        deadline=None,
        agent="chaos",
        verdict=None,
        by=None,
        via=None,
        decided_at=None,
        decided_because=None,
        edited_args_json=None,
        answer=None,
        granted_digest=None,
        spent_at=None,
    )


def calls(*planned: Planned) -> frozenset[tuple[str, str]]:
    return frozenset((call.tool, canonical_json(call.args)) for call in planned)


CLEAN: Final = Evidence(
    scenario=SCENARIO,
    outcome="verified",
    endings=["verified"],
    marks=[mark(ENTRY, "began"), mark(ENTRY), mark(POST)],
    effects=[effect(ENTRY), effect(POST)],
    asks=[],
    journal=[],
    chain_holds=True,
    turns=2,
    turns_charged=2,
    told=1,
    asked=2,
    remains=[],
    in_doubt=frozenset(),
    settled=frozenset(),
)
IN_DOUBT: Final = replace(
    CLEAN,
    outcome="unknown",
    endings=["unknown"],
    effects=[effect(ENTRY), effect(POST, "unknown")],
    asks=[question(POST)],
    journal=[("ask_opened", {"ask_id": "settle post"})],
    in_doubt=calls(POST),
)
POST_IS_FINISHED: Final = Remains(in_doubt=calls(), finished=calls(POST), marks=2)
UNASKED: Final[Mapping[str, Any]] = {"asks": [], "journal": []}

WRONG: Final[dict[str, tuple[Evidence, FaultKind]]] = {
    "done twice": (replace(CLEAN, marks=[*CLEAN.marks, mark(POST)]), "duplicates"),
    "half of it done twice": (replace(CLEAN, marks=[*CLEAN.marks, mark(ENTRY, "began")]), "duplicates"),
    "a finished step run again": (
        replace(CLEAN, remains=[Remains(in_doubt=calls(), finished=calls(POST), marks=2)]),
        "duplicates",
    ),
    "consumed, and not done": (replace(CLEAN, marks=[mark(POST)]), "lost"),
    "done, and said to have failed": (
        replace(CLEAN, effects=[effect(ENTRY), effect(POST, kind="tool_failed")]),
        "lost",
    ),
    "done, and not in the ledger": (replace(CLEAN, effects=[effect(ENTRY)]), "lost"),
    "neither done nor known": (replace(CLEAN, marks=[mark(POST)], effects=[effect(POST)]), "lost"),
    "unknown, and nobody asked": (replace(IN_DOUBT, **UNASKED), "unknown_unasked"),
    "asked twice": (replace(IN_DOUBT, asks=[question(POST)] * 2), "unknown_unasked"),
    "still reserved": (replace(CLEAN, effects=[effect(ENTRY), effect(POST, "reserved")]), "unknown_unasked"),
    "asked, and known": (replace(IN_DOUBT, effects=[effect(ENTRY), effect(POST)]), "unknown_unasked"),
    "green with a doubt": (replace(CLEAN, in_doubt=calls(POST)), "wrong_outcome"),
    "unknown without a doubt": (replace(IN_DOUBT, in_doubt=calls()), "wrong_outcome"),
    "another outcome was said": (replace(CLEAN, endings=["failed"]), "wrong_outcome"),
    "ended twice": (replace(CLEAN, endings=["verified", "verified"]), "wrong_outcome"),
    "charged twice": (replace(CLEAN, turns_charged=3), "wrong_outcome"),
    "asked the model again": (replace(CLEAN, asked=3), "wrong_outcome"),
    "a broken chain": (replace(CLEAN, chain_holds=False), "wrong_outcome"),
    "told twice": (replace(CLEAN, told=2), "wrong_outcome"),
    "a yes that was never spent": (
        replace(CLEAN, effects=[effect(ENTRY), replace(effect(POST), ask_id="ask")]),
        "wrong_outcome",
    ),
}


@pytest.mark.parametrize("evidence", [CLEAN, IN_DOUBT], ids=["nothing", "a doubt that was asked about"])
def test_a_run_that_came_out_as_it_should_is_not_blamed(evidence: Evidence) -> None:
    assert judged(evidence) == []


@pytest.mark.parametrize(("evidence", "kind"), WRONG.values(), ids=WRONG)
def test_the_judge_sees(evidence: Evidence, kind: FaultKind) -> None:
    assert kind in {fault.kind for fault in judged(evidence)}


def test_every_boundary_of_every_kind_of_run_is_tried_once_and_then_come_others() -> None:
    crossed = {scenario.name: [3, 2] for scenario in SCENARIOS}
    plan = Plan(seed=1, scenarios=SCENARIOS, crossed=crossed)
    boundaries = [
        (scenario.name, life, at) for scenario in SCENARIOS for life, at in [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]
    ]
    trials = [plan.trial(number) for number in range(len(boundaries))]
    seen = [(trial.scenario.name, len(trial.kills) - 1, trial.kills[-1].boundary) for trial in trials]
    assert sorted(seen) == sorted(boundaries)
    later = [plan.trial(number) for number in range(len(boundaries), len(boundaries) + 100)]
    assert {len([kill for kill in trial.kills if kill]) for trial in later} == {0, 1, 2, 3, 4}


def test_a_trial_is_known_by_its_seed_and_its_number() -> None:
    crossed = {scenario.name: [30, 20] for scenario in SCENARIOS}
    one, other = (Plan(seed=7, scenarios=SCENARIOS, crossed=crossed) for _ in range(2))
    assert [one.trial(number) for number in range(0, 600, 7)] == [other.trial(number) for number in range(0, 600, 7)]
    assert one.trial(3) != Plan(seed=8, scenarios=SCENARIOS, crossed=crossed).trial(3)


def test_a_scenario_knows_how_it_ends_if_nobody_disturbs_it() -> None:
    assert {scenario.name: scenario.outcome() for scenario in SCENARIOS} == {
        "approved": "verified",
        "edited": "verified",
        "denied": "blocked",
        "silence": "verified",
        "forbidden": "blocked",
        "together": "verified",
        "items": "verified",
        "careless": "unknown",
    }


def chaos(*arguments: str, module: str = "benchmarks.chaos") -> subprocess.CompletedProcess[str]:
    """As a person calls it: a process of its own, which may fork."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=300
    )


def test_a_run_that_is_killed_at_any_boundary_comes_out_as_if_it_had_not_been(tmp_path: Path) -> None:
    made = chaos("--short", "--runs", "75", "--output", str(tmp_path / "chaos.json"))
    assert made.returncode == 0, made.stdout + made.stderr
    found = json.loads((tmp_path / "chaos.json").read_text())
    assert list(found) == ["runs", "kills", "duplicates", "lost", "unknown_unasked", "wrong_outcome"]
    assert (found["runs"], list(found.values())[2:]) == (75, [0, 0, 0, 0])
    assert found["kills"] > 60


def test_a_harness_that_repeats_what_is_in_doubt_is_found_out() -> None:
    made = chaos(module="tests.benchmarks.careless")
    assert made.returncode == 0, made.stdout + made.stderr
    assert json.loads(made.stdout) == {"before": [], "careless": ["duplicates", "wrong_outcome"]}
