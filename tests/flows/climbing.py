"""Ways up that are none, each tried on a real run in a real house: what it asked, how it ended, what `midwatch verify` says."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import get_client

from midwatch.agent_file import load_agent
from midwatch.fingerprint import fingerprint_of
from midwatch.ledger import AskRow, EffectRow, RunRow
from midwatch.ledger.journal import canonical, moment, sha256
from midwatch.ledger.levels import put_on
from tasks.permissions.answers import decide, resume_if_decided
from tasks.permissions.form import Answer
from tests.flows.conftest import Night
from tests.flows.scripted_model import call
from tests.flows.test_command_line import midwatch

ALLOWS = "allow: [write_file]"
"""Asked about at level 3 all the same, and at level 4 by override not any more."""
ASKS = "ask: [write_file]"
"""Asked about at level 4 by override too, unless the class stands at allow."""
AGENT = """
tools:
  - write_file: {{root: work}}
rules: {{{rules}}}
ceiling: 5
contract:
  done_when:
    - file: {{path: work/{name}-1.txt, newer_than_start: true}}
escalation: {{deadline_minutes: 600}}
"""
SIGNED = {"unsigned": "", "machined": "midwatch"}
"""By agent, who has signed a grant of it that is whole but for that."""
GOOD = "--because=it is good"
LATER = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One agent's run, of which a person has denied whatever it asked."""

    run: RunRow
    asks: list[AskRow]
    effects: list[EffectRow]
    files: list[str]


@dataclass(kw_only=True)
class Climbs:
    """All of it."""

    tried: dict[str, Tried] = field(default_factory=dict)
    """By agent."""
    said: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By command, without its reason: exit code, and what was printed."""
    put_in: dict[str, int] = field(default_factory=dict)
    """By agent, the number of the row that somebody put in; of `unhashed` that of the journal's entry."""

    @property
    def findings(self) -> list[str]:
        """Of `midwatch verify`, when all was over."""
        return [line.strip() for line in self.said["verify"][1].splitlines() if line.startswith("  ")]


async def all_of_it(night: Night) -> Climbs:
    """Everything is tried at once; then the ledger is held against its journal."""
    climbs = Climbs()
    ways = {"typist": typist, "editor": editor, "titled": titled, "clerk": clerk, **dict.fromkeys(SIGNED, signer)}
    ended = await asyncio.gather(*(way(night, climbs, name) for name, way in ways.items()))
    climbs.tried |= zip(ways, ended, strict=True)
    climbs.tried["unhashed"] = await unhashed(night, climbs, "unhashed")
    await say(climbs, "verify")
    return climbs


async def typist(night: Night, climbs: Climbs, name: str) -> Tried:
    """By words: a rung skipped, no evidence, a halt, the run's parameter; then, while it waits, by a row in `levels`."""
    agent(night, name, ALLOWS, turns=2)
    await say(climbs, "grant", name, "5", GOOD)
    await say(climbs, "promote", name, "--to=5", "--yes")
    await say(climbs, "promote", name, "allow.write-file", "--yes")
    await say(climbs, "halt", name, GOOD)
    await say(climbs, "grant", name, "4", GOOD)
    await say(climbs, "promote", name, "allow.write-file", "--override", "--yes", GOOD)
    await say(climbs, "resume", name)
    run_id = await night.start(name, level=5)
    await denied(night, run_id, 1)
    climbs.put_in[name] = insert(night, "levels", {**level(name), **lasting(datetime.now(UTC))})
    await denied(night, run_id, 2)
    return await over(night, name, run_id)


async def editor(night: Night, climbs: Climbs, name: str) -> Tried:
    """By the file, while its run waits at level 4: asks becomes allow. That run, and a new one by the new file."""
    agent(night, name, ASKS)
    await say(climbs, "grant", name, "4", GOOD)
    run_id = await night.start(name)
    (row,) = await night.waiting(run_id)
    agent(night, name, ALLOWS)
    await decided(night, row, "approved")
    climbs.tried["editor, while it ran"] = await over(night, name, run_id)
    return await denied_to_the_end(night, name)


async def titled(night: Night, _: Climbs, name: str) -> Tried:
    """By the file: it says what level it has."""
    agent(night, name, ALLOWS, more="level: 5\n")
    return await over(night, name, await night.start(name))


async def clerk(night: Night, climbs: Climbs, name: str) -> Tried:
    """By a row in `class_moves`, of an agent that somebody has put on level 4."""
    agent(night, name, ASKS)
    await say(climbs, "grant", name, "4", GOOD)
    mark = fingerprint_of(load_agent(name, night.project / "agents")).whole
    said = {"by": "anna", "via": "cli", "because": "good", "evidence_json": "{}", "at": stored(datetime.now(UTC))}
    row = {"agent": name, "rule": "ask.write-file", "stands": "allow", "basis": "earned", "fingerprint": mark, **said}
    climbs.put_in[name] = insert(night, "class_moves", row)
    return await denied_to_the_end(night, name)


async def signer(night: Night, climbs: Climbs, name: str) -> Tried:
    """By a grant that Midwatch's own code puts into the table and the journal, signed by what is no person."""
    agent(night, name, ALLOWS)
    told: dict[str, Any] = {"by": SIGNED[name], "because": "good", "basis": "override"}
    grant = await night.ledger.write(
        lambda tx: put_on(tx, name, 4, until=datetime.now(UTC) + LATER, **told), durable=True
    )
    climbs.put_in[name] = grant.grant_id
    return await denied_to_the_end(night, name)


async def unhashed(night: Night, climbs: Climbs, name: str) -> Tried:
    """By a row in `levels`, and at the end of the journal a link that says the same, whose hash is none."""
    agent(night, name, ALLOWS)
    at, row = datetime.now(UTC), level(name)
    number = climbs.put_in[f"{name}, its row"] = insert(night, "levels", {**row, **lasting(at)})
    body = {
        **row,
        "grant_id": number,
        "until": moment(at + LATER),
        "fingerprint": None,
        "evidence_sha256": sha256("{}"),
    }
    del body["evidence_json"]
    last = "(SELECT {} FROM journal ORDER BY seq DESC LIMIT 1)"
    facts = {"at": moment(at), "kind": "level_granted", "body": canonical(body), "hash": sha256(canonical(body))}
    after = {"seq": last.format("seq + 1"), "prev_hash": last.format("hash")}
    climbs.put_in[name] = insert(night, "journal", facts, **after)
    return await denied_to_the_end(night, name)


# --- one step of it ---


def agent(night: Night, name: str, rules: str, *, turns: int = 1, more: str = "") -> str:
    """An agent that writes a file in each of its turns."""
    writes = [call("write_file", path=f"{name}-{turn}.txt", content="up") for turn in range(1, turns + 1)]
    return night.agent(name, AGENT.format(name=name, rules=rules) + more, *writes, "done")


async def say(climbs: Climbs, *words: str) -> None:
    """What a person types."""
    code, out, err = await midwatch(*words)
    climbs.said[" ".join(word for word in words if word not in (GOOD, "--yes"))] = code, out + err


async def denied(night: Night, run_id: UUID, turn: int) -> None:
    """What it would write in that turn waits, and a person says no."""
    (row,) = await night.waiting(run_id)
    assert f"-{turn}.txt" in row.args_json
    await decided(night, row, "denied")


async def decided(night: Night, row: AskRow, verdict: Literal["approved", "denied"]) -> None:
    await decide(night.ledger, row, Answer(ask_id=row.ask_id, verdict=verdict), by="anna", via="cli")
    async with get_client() as client:
        await resume_if_decided(client, night.ledger, row.run_id)  # or the keeper does


async def denied_to_the_end(night: Night, name: str) -> Tried:
    run_id = await night.start(name)
    await denied(night, run_id, 1)
    return await over(night, name, run_id)


async def over(night: Night, name: str, run_id: UUID) -> Tried:
    """What came of the run."""
    run, asks = await night.ended(run_id), await night.ledger.asks_of(str(run_id))
    files = sorted(one.name for one in (night.project / "work").glob(f"{name}-*"))
    return Tried(run=run, asks=asks, effects=await night.ledger.effects_of(str(run_id)), files=files)


def level(name: str) -> dict[str, Any]:
    """A row that says what a grant by override says, but for its time."""
    return {"agent": name, "level": 5, "by": "anna", "because": "good", "basis": "override", "evidence_json": "{}"}


def lasting(at: datetime) -> dict[str, str]:
    return {"granted_at": stored(at), "until": stored(at + LATER)}


def stored(at: datetime) -> str:
    """As SQLite holds it."""
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"


def insert(night: Night, table: str, row: Mapping[str, Any], **worked_out: str) -> int:
    """By a hand that has nothing but the file; the number of the row.

    Args:
        worked_out: by column, the expression for it.
    """
    columns = ", ".join(f'"{name}"' for name in (*worked_out, *row))
    said = f"INSERT INTO {table} ({columns}) VALUES ({', '.join((*worked_out.values(), *'?' * len(row)))})"
    with closing(sqlite3.connect(night.house.home / "ledger.db", timeout=60)) as database, database:
        number = database.execute(said, [*row.values()]).lastrowid
    assert number is not None
    return number
