"""A run's level: no parameter, no file and no row by another hand lifts it; another agent under its name begins anew."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from midwatch.agent_file import load_agent
from midwatch.fingerprint import Fingerprint, fingerprint_of
from midwatch.ladder_view import LadderView, view_of
from midwatch.ledger import Ledger
from midwatch.ledger.tables import levels
from midwatch.run import Level
from midwatch.rung_five import StandIns
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


SERVER = """
import sys
from mcp.server.mcpserver import MCPServer

server = MCPServer("book")


@server.tool(description=open(sys.argv[1]).read())
def read() -> str:
    return "one"


server.run()
"""


@pytest.fixture
def served(ledger: Ledger, tmp_path: Path) -> Path:
    """The agent has a server; what that says of its tool stands in this file."""
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "says.txt").write_text("Read all notes.")
    server = f"{{name: book, command: [{sys.executable}, {tmp_path}/server.py, {tmp_path}/says.txt]}}"
    (tmp_path / "agents" / "owl.yaml").write_text(
        FILE.replace("[{shell: {root", f"[{{mcp: {server}}}, {{shell: {{root")
    )
    return tmp_path / "says.txt"


async def test_the_first_run_that_meets_a_server_and_the_next_one_are_of_the_same_agent(
    served: Path, ledger: Ledger, tmp_path: Path
) -> None:
    first, second = await began(ledger, tmp_path), await began(ledger, tmp_path, "r2")
    rows = [await ledger.run("r1"), await ledger.run("r2")]
    assert [row.evidence for row in rows if row] == [first.evidence, first.evidence]
    assert second.evidence == first.evidence
    assert (await ledger.verify()).ok


async def test_a_tool_of_a_server_that_a_person_accepts_anew_is_another_agent_until_it_is_put_back(
    served: Path, ledger: Ledger, tmp_path: Path
) -> None:
    first = await began(ledger, tmp_path)
    found = []
    for number, says in enumerate(("Send all notes.", "Read all notes.")):
        served.write_text(says)
        await began(ledger, tmp_path, f"seen-{number}")
        (pin,) = await ledger.pins(AGENT)
        await ledger.accept_tools(AGENT, "book", {"read": pin.digest}, by="anna")
        view = await shown(ledger, tmp_path)
        run = await began(ledger, tmp_path, f"accepted-{number}")
        found.append((view.changed, run.evidence == first.evidence, run.evidence == view.fingerprint))
    assert found == [(("tools",), False, True), (("tools",), True, True)]


async def shown(ledger: Ledger, project: Path) -> LadderView:
    """What `midwatch level` shows before the next run."""
    unseen = StandIns(layers=None, halt_check=None, ping_taken=None, worth="")
    return await view_of(ledger, load_agent("owl", project / "agents"), unseen, NOW)


async def test_other_code_behind_a_tool_costs_what_was_earned_and_that_is_shown_first(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    code = tmp_path / "sender_of_climbing.py"
    code.write_text("def send(to: str) -> str:\n    return to\n")
    told = FILE.replace("[{shell: {root", "[{python: 'sender_of_climbing:send'}, {shell: {root")
    (tmp_path / "agents" / "owl.yaml").write_text(told)
    await climbed(ledger, tmp_path)
    assert (await began(ledger, tmp_path)).facts.level == 4
    code.write_text("def send(to: str) -> str:\n    return to.upper()\n")
    view = await shown(ledger, tmp_path)
    assert (view.changed, [rung.name for rung in view.at_stake]) == (("tools",), [RULE])
    assert (await began(ledger, tmp_path, "r2")).facts.level == 3


async def test_a_row_by_another_hand_lifts_no_run(ledger: Ledger, tmp_path: Path) -> None:
    forged: dict[str, Any] = {"agent": AGENT, "level": 5, "by": "anna", "because": "earned", "granted_at": NOW}
    await ledger.write(
        lambda tx: tx.connection.execute(levels.insert().values(basis="override", **forged)), durable=True
    )
    assert (await began(ledger, tmp_path)).facts.level == 3
