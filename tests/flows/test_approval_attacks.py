"""The attacks that pydantic-ai's own approvals fall to, tried against the gate in real runs: each ends without its effect.

Changed history, overriding arguments, a second use, and the replay of an old answer. All runs are started at once.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import SetStateStatus
from sqlalchemy import text

from midwatch.ledger import AskRow, RunRow
from tasks.permissions.answers import decide, resume_if_decided
from tasks.permissions.form import Answer
from tests.flows.conftest import Night
from tests.flows.scripted_model import call

WRITER = """
tools:
  - write_file: {root: work}
rules:
  ask: [write_file]
contract:
  done_when:
    - file: {path: work/never.txt}
"""


def writes(name: str) -> Any:
    return call("write_file", path=f"{name}.txt", content="shown")


async def say(night: Night, row: AskRow, verdict: Any) -> None:
    await decide(night.ledger, row, Answer(ask_id=row.ask_id, verdict=verdict), by="somebody", via="cli")
    async with get_client() as client:
        await resume_if_decided(client, night.ledger, row.run_id)  # or the keeper does


async def resumed_with(run_id: UUID, **values: Any) -> SetStateStatus:
    """What Prefect says to a filled-in form, sent by whoever has the password."""
    async with get_client() as client:
        return (await client.resume_flow_run(run_id, run_input=values)).status


async def changed_history(night: Night) -> RunRow:
    """Between question and answer, the recorded turn of the model is rewritten: the same call id, another file."""
    run_id = await night.start(night.agent("history", WRITER, writes("history"), "done"))
    (row,) = await night.waiting(run_id)
    rewrite = text(
        "UPDATE steps SET result_json = replace(result_json, 'history.txt', 'evil.txt') "
        "WHERE run_id = :run_id AND kind = 'model'"
    )
    changed = await night.ledger.write(
        lambda tx: tx.connection.execute(rewrite, {"run_id": str(run_id)}).rowcount, durable=True
    )
    assert changed == 1
    await say(night, row, "approved")
    return await night.ended(run_id)


async def overriding_arguments(night: Night) -> RunRow:
    """A yes, and beside it arguments that nobody was shown."""
    run_id = await night.start(night.agent("override", WRITER, writes("override"), "done"))
    await night.waiting(run_id)
    evil = {"edit_1_1": "never shown", "edit_1_2": "evil.txt"}
    assert await resumed_with(run_id, decision_1="approve", **evil, reason="") == SetStateStatus.ACCEPT
    (row,) = await night.waiting(run_id)
    assert (row.verdict, row.spent_at) == (None, None)
    await say(night, row, "denied")
    return await night.ended(run_id)


async def second_use(night: Night) -> RunRow:
    """The same call once more behind the one that was approved, and the old answer once more for it."""
    run_id = await night.start(night.agent("second", WRITER, writes("second"), writes("second"), "done"))
    (first,) = await night.waiting(run_id)
    shown = json.loads(first.args_json)
    old = {"decision_1": "approve", "edit_1_1": shown["content"], "edit_1_2": shown["path"], "reason": ""}
    assert await resumed_with(run_id, **old) == SetStateStatus.ACCEPT
    (second,) = await night.waiting(run_id)
    assert second.ask_id != first.ask_id
    (night.project / "work" / "second.txt").unlink()
    assert await resumed_with(run_id, **old) != SetStateStatus.ACCEPT
    (second,) = await night.waiting(run_id)
    await say(night, second, "denied")
    ended = await night.ended(run_id)
    assert await resumed_with(run_id, **old) != SetStateStatus.ACCEPT
    return ended


_rows: dict[str, RunRow] = {}


@pytest.fixture
async def rows(night: Night) -> dict[str, RunRow]:
    """How each attack ended; the runs are made once."""
    if not _rows:
        (night.project / "work").mkdir(exist_ok=True)
        history, override, second = await asyncio.gather(
            changed_history(night), overriding_arguments(night), second_use(night)
        )
        _rows.update(history=history, override=override, second=second)
    return _rows


@pytest.mark.parametrize(
    ("attack", "says"),
    [
        ("history", "the conversation holds another call now than a person was shown"),
        ("override", "was refused by a person"),
        ("second", "was refused by a person"),
    ],
)
async def test_an_attack_ends_blocked_and_says_why(rows: dict[str, RunRow], attack: str, says: str) -> None:
    assert rows[attack].outcome == "blocked", rows[attack].reason
    assert says in rows[attack].reason


async def test_nothing_was_done_that_nobody_was_shown(night: Night, rows: dict[str, RunRow]) -> None:
    for name in ("evil", "history", "override", "second"):
        assert not (night.project / "work" / f"{name}.txt").exists()
    assert await night.ledger.effects_of(rows["history"].run_id) == []
    assert await night.ledger.effects_of(rows["override"].run_id) == []


async def test_one_yes_was_good_for_one_effect(night: Night, rows: dict[str, RunRow]) -> None:
    (effect,) = await night.ledger.effects_of(rows["second"].run_id)
    used, unused = await night.ledger.asks_of(rows["second"].run_id)
    assert (effect.ask_id, effect.digest) == (used.ask_id, used.granted_digest)
    assert (used.verdict, used.by, unused.verdict) == ("approved", "prefect-ui", "denied")
    assert unused.spent_at is None


async def test_a_yes_with_other_arguments_is_asked_about_again_with_the_reason(
    night: Night, rows: dict[str, RunRow]
) -> None:
    run_id = UUID(rows["override"].run_id)
    async with get_client() as client:
        schema = await client.read_flow_run_input(run_id, "suspended-asks-1-2-schema")
        described = await client.read_flow_run_input(run_id, "suspended-asks-1-2-description")
    assert "decision_1" in str(schema)
    assert "its arguments changed" in str(described).replace("\\", "")
