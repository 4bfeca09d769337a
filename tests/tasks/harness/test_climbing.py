"""A run's level: no parameter, no file and no row by another hand lifts it; another agent under its name begins anew."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from midwatch.agent_file import load_agent
from midwatch.fingerprint import Fingerprint, fingerprint_of
from midwatch.ledger import Ledger
from midwatch.ledger.tables import levels
from midwatch.run import Level
from tasks.harness.asked import Asked
from tasks.harness.place import Place
from tasks.harness.prepare import Prepared, prepare
from tasks.model.providers import thinkers
from tasks.step.log import RunLog
from tasks.triggers.slot import Slot
from tests.midwatch.ledger.climbs import AGENT, RULE, by, past

FILE = """\
name: owl
description: d
model: local
instructions: i
tools: [{shell: {root: work}}]
rules: {ask: [{shell: git push ..., id: push}]}
contract: {done_when: [{file: {path: a.md}}]}
ceiling: 5
"""
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "agents" / "owl.yaml").write_text(FILE)


async def mark(project: Path) -> Fingerprint:
    spec = load_agent("owl", project / "agents")
    return fingerprint_of(spec, await thinkers(spec.models(), {}))


async def began(ledger: Ledger, project: Path, run_id: str = "r1", asked: Level | None = None) -> Prepared:
    """A run as it is before its first step."""
    here, slot = Place(project=project, home=project / "home"), Slot(cause="person", name=f"run {run_id}")
    async with AsyncExitStack() as stack:
        found = await prepare(Asked(agent="owl", level=asked), slot, await RunLog.open(run_id, ledger), here, stack)
    assert isinstance(found, Prepared)
    return found


async def climbed(ledger: Ledger, project: Path) -> Fingerprint:
    it = await mark(project)
    await past(ledger, mark=it, since=NOW - timedelta(days=60))
    await ledger.see_fingerprint(AGENT, it)
    await ledger.promote_class(AGENT, RULE, by(), fingerprint=it.whole, ceiling=5)
    return it


async def test_what_was_earned_is_the_level_of_the_next_run_and_its_evidence_is_the_agents(
    ledger: Ledger, tmp_path: Path
) -> None:
    it = await climbed(ledger, tmp_path)
    run = await began(ledger, tmp_path)
    row = await ledger.run("r1")
    assert row is not None
    assert (run.facts.level, run.evidence, row.evidence) == (4, it.whole, it.whole)


@pytest.mark.parametrize("asked", [None, 4, 5])
async def test_a_parameter_asks_for_a_level_and_gets_no_more_than_stands(
    asked: Level | None, ledger: Ledger, tmp_path: Path
) -> None:
    assert (await began(ledger, tmp_path, asked=asked)).facts.level == 3


async def test_a_parameter_may_ask_for_less(ledger: Ledger, tmp_path: Path) -> None:
    await climbed(ledger, tmp_path)
    assert (await began(ledger, tmp_path, asked=2)).facts.level == 2


async def test_a_run_that_executes_what_was_rehearsed_is_none_at_level_4(ledger: Ledger, tmp_path: Path) -> None:
    it = await climbed(ledger, tmp_path)
    told: dict[str, Any] = {"cause": "person", "slot": None, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.start_run("night", agent=AGENT, level=4, started_at=NOW, evidence=it.whole, shadow=True, **told)
    here, slot = Place(project=tmp_path, home=tmp_path / "home"), Slot(cause="person", name="run r1")
    async with AsyncExitStack() as stack:
        log = await RunLog.open("r1", ledger)
        found = await prepare(Asked(agent="owl", staged="night"), slot, log, here, stack)
    assert found.facts.level == 3


async def test_a_ceiling_only_ever_lowers(ledger: Ledger, tmp_path: Path) -> None:
    await climbed(ledger, tmp_path)
    (tmp_path / "agents" / "owl.yaml").write_text(FILE.replace("ceiling: 5", "ceiling: 3"))
    assert (await began(ledger, tmp_path)).facts.level == 3
    assert await ledger.level_of(AGENT, NOW) == 4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rules: {ask: [{shell: git push ..., id: push}]}", "rules: {allow: [shell]}"),
        ("shell: git push ..., id: push", "shell: git ..., id: push"),
        ("instructions: i", "instructions: do as you like"),
        ("model: local", "model: [local, local]"),
        ("[{shell: {root: work}}]", "[{shell: {root: work}}, ask_human]"),
    ],
)
async def test_another_agent_in_the_file_begins_where_everything_is_asked(
    old: str, new: str, ledger: Ledger, tmp_path: Path
) -> None:
    it = await climbed(ledger, tmp_path)
    (tmp_path / "agents" / "owl.yaml").write_text(FILE.replace(old, new))
    assert (await began(ledger, tmp_path)).facts.level == 3
    assert (await ledger.classes_allowed(AGENT, it.whole, NOW)) == {}


@pytest.mark.parametrize("line", ["limits: {steps: 9}", "expect_within_hours: 5", "escalation: {deadline_minutes: 9}"])
async def test_what_does_not_decide_costs_nothing(line: str, ledger: Ledger, tmp_path: Path) -> None:
    await climbed(ledger, tmp_path)
    (tmp_path / "agents" / "owl.yaml").write_text(f"{FILE}{line}\n")
    assert (await began(ledger, tmp_path)).facts.level == 4


async def test_a_row_by_another_hand_lifts_no_run(ledger: Ledger, tmp_path: Path) -> None:
    forged: dict[str, Any] = {"agent": AGENT, "level": 5, "by": "anna", "because": "earned", "granted_at": NOW}
    await ledger.write(
        lambda tx: tx.connection.execute(levels.insert().values(basis="override", **forged)), durable=True
    )
    assert (await began(ledger, tmp_path)).facts.level == 3
