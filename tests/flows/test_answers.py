"""What a person may say to a suspended run, and what comes of it. All runs are started at once, and answered together."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client

from midwatch.ledger import AskRow, RunRow
from tasks.permissions.answers import decide, resume_if_decided, take_over
from tasks.permissions.form import Answer
from tests.flows.conftest import Night, eventually
from tests.flows.scripted_model import call

WRITER = """
tools:
  - write_file: {{root: work}}
  - ask_human
rules:
  ask: [write_file]
  deny:
    - write_file: secret/**
ceiling: 4
contract:
  done_when:
    - file: {{path: work/{name}.txt, contains: [hello], newer_than_start: true}}
escalation: {escalation}
"""
PATIENT = "{deadline_minutes: 60}"
BRIEF = "{deadline_minutes: 0.02, then: deny}"
ENDING = "{deadline_minutes: 0.02, then: end}"

CASES: dict[str, str] = {
    "approved": PATIENT,
    "denied": PATIENT,
    "edited": PATIENT,
    "edited-to-denied": PATIENT,
    "expired": BRIEF,
    "expired-and-ended": ENDING,
    "asked": PATIENT,
    "taken-over": PATIENT,
    "changed-meanwhile": PATIENT,
}


def writes(name: str) -> Any:
    return call("write_file", path=f"{name}.txt", content="hello")


async def begun(night: Night, name: str, escalation: str) -> UUID:
    first = call("ask_human", question="Which word?", options=["hello", "bye"]) if name == "asked" else writes(name)
    later = [writes(name)] if name == "asked" else []
    agent = night.agent(name, WRITER.format(name=name, escalation=escalation), first, *later, "written")
    return await night.start(agent)


async def say(night: Night, row: AskRow, verdict: Any, **said: Any) -> None:
    answer = Answer(ask_id=row.ask_id, verdict=verdict, **said)
    assert (await decide(night.ledger, row, answer, by="somebody", via="cli")).first
    async with get_client() as client:
        await resume_if_decided(client, night.ledger, row.run_id)  # or the keeper does


async def answered(night: Night, name: str, run_id: UUID) -> RunRow:
    """The run, answered as its name says, at its end."""
    if name.startswith("expired"):
        return await night.ended(run_id)
    (row,) = await night.waiting(run_id)
    match name:
        case "approved":
            await say(night, row, "approved")
        case "denied":
            await say(night, row, "denied", reason="not tonight")
        case "edited":
            changed = json.dumps({"path": f"{name}.txt", "content": "hello, edited"})
            await say(night, row, "edited", edited_args_json=changed)
        case "edited-to-denied":
            await say(night, row, "edited", edited_args_json=json.dumps({"path": "secret/x", "content": "hello"}))
        case "taken-over":
            (made,) = await take_over(night.ledger, row.run_id, by="somebody", via="cli", reason="I finish it myself")
            assert made.first
            async with get_client() as client:
                await resume_if_decided(client, night.ledger, row.run_id)  # or the keeper does
        case "changed-meanwhile":
            (night.project / "work" / f"{name}.txt").write_text("somebody was here first")
            await say(night, row, "approved")
        case "asked":
            await say(night, row, "answered", answer="hello")
            (row,) = await eventually(lambda: night.waiting(run_id))  # it may have run between two looks
            await say(night, row, "approved")
    return await night.ended(run_id)


_rows: dict[str, RunRow] = {}


@pytest.fixture
async def rows(night: Night) -> dict[str, RunRow]:
    """How each case ended; the runs are made once."""
    if not _rows:
        (night.project / "work").mkdir(exist_ok=True)
        run_ids = await asyncio.gather(*(begun(night, name, how) for name, how in CASES.items()))
        ended = await asyncio.gather(
            *(answered(night, name, run_id) for name, run_id in zip(CASES, run_ids, strict=True))
        )
        _rows.update(zip(CASES, ended, strict=True))
    return _rows


@pytest.mark.parametrize(
    ("name", "outcome", "says"),
    [
        ("approved", "verified", ""),
        ("denied", "blocked", "was refused by a person (not tonight)"),
        ("edited", "verified", ""),
        ("edited-to-denied", "blocked", "secret"),
        ("expired", "blocked", "not answered in time"),
        ("expired-and-ended", "blocked", "nobody answered in time"),
        ("asked", "verified", ""),
        ("taken-over", "blocked", "somebody took it over: I finish it myself"),
        ("changed-meanwhile", "blocked", "what it would change is not what was shown any more"),
    ],
)
async def test_each_answer_leads_where_it_should(rows: dict[str, RunRow], name: str, outcome: str, says: str) -> None:
    assert rows[name].outcome == outcome, rows[name].reason
    assert says in rows[name].reason


async def test_an_edit_runs_the_edited_call_and_nothing_else(night: Night, rows: dict[str, RunRow]) -> None:
    assert (night.project / "work" / "edited.txt").read_text() == "hello, edited"
    (effect,) = await night.ledger.effects_of(rows["edited"].run_id)
    assert json.loads(effect.args_json)["content"] == "hello, edited"


async def test_the_model_hears_what_the_person_said(night: Night, rows: dict[str, RunRow]) -> None:
    heard = {name: json.dumps([r["messages"] for r in night.script.requests if r["model"] == name]) for name in CASES}
    assert "not tonight" in heard["denied"]
    assert "A person changed the arguments" in heard["edited"]
    assert "Nobody answered in time" in heard["expired"]
    assert '"hello"' in heard["asked"] or "hello" in heard["asked"]


async def test_what_nobody_allowed_did_not_happen(night: Night, rows: dict[str, RunRow]) -> None:
    for name in ("denied", "edited-to-denied", "expired", "expired-and-ended", "taken-over"):
        assert await night.ledger.effects_of(rows[name].run_id) == []
        assert not (night.project / "work" / f"{name}.txt").exists()
    assert not (night.project / "work" / "secret").exists()
    assert (night.project / "work" / "changed-meanwhile.txt").read_text() == "somebody was here first"


async def test_a_run_that_was_taken_over_asks_its_model_nothing_more(night: Night, rows: dict[str, RunRow]) -> None:
    assert rows["taken-over"].outcome == "blocked"
    assert night.script.count("taken-over") == 1
