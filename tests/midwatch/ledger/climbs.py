"""A record that earns something, put into a ledger in one transaction: what a year of nights would leave there.

Each row has the entries of the journal that the ledger's own code would have made of it, at their moments.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from midwatch.ask_context import AskContext
from midwatch.fingerprint import Fingerprint, fingerprint_of
from midwatch.ledger import Ask, Ledger, Signature
from midwatch.ledger.asks import enter_ask
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import asks, effects, runs
from midwatch.ledger.transaction import Write
from midwatch.spec import AgentSpec
from tests.midwatch.ledger.conftest import START

AGENT = "owl"
RULE = "ask.push"
ENOUGH = 340
"""Clean writes, where nobody was ever tested."""


def spec(**fields: Any) -> AgentSpec:
    done = {"done_when": [{"file": {"path": "a.md"}}]}
    told = {"name": AGENT, "description": "d", "instructions": "i", "ceiling": 5, "contract": done, **fields}
    return AgentSpec.model_validate(told)


MARK = fingerprint_of(spec(), ["local"])
OTHER = fingerprint_of(spec(instructions="otherwise"), ["local"])


async def past(
    ledger: Ledger,
    count: int = ENOUGH,
    *,
    rule: str = RULE,
    risk: str = "write",
    mark: Fingerprint = MARK,
    days: int = 20,
    since: datetime = START - timedelta(days=60),
    verdict: str = "approved",
    name: str = "past",
    same: bool = False,
    planted: str = "",
) -> None:
    """So many calls that a person decided about, spread over some days, a run each day; those approved have happened.

    Args:
        same: one call again and again.
        planted: what is wrong with them, where they are tests, which never run.
    """
    context = AskContext(risk=risk).model_dump_json()
    happens = verdict == "approved" and not planted

    def write(tx: Write) -> None:
        for day in range(days):
            at, run_id = since + timedelta(days=day), f"{name}-{day}"
            _run(tx, run_id, at, mark, level=3)
            digests = {number: "same" if same else f"{name} {number}" for number in range(day, count, days)}
            _decided(tx, run_id, at, digests, rule=rule, context=context, verdict=verdict, planted=planted)
            if happens:
                _done(tx, run_id, at, digests)

    await ledger.write(write, durable=True)


def _run(tx: Write, run_id: str, at: datetime, mark: Fingerprint, **facts: Any) -> None:
    began = {"agent": AGENT, "cause": "schedule", "slot": None, "asked_level": None, "fingerprint": "f", **facts}
    began |= {"started_at": at, "evidence": mark.whole, "shadow": False}
    ended = {name: began.pop(name, None) for name in ("outcome", "ending")}
    ended["outcome"] = ended["outcome"] or "verified"
    tx.insert(runs, run_id=run_id, input_json="{}", finished_at=at, **began, **ended)
    tx.chain.append(at, "run_started", run_id, {**began, "input_json_sha256": sha256("{}")})
    said = {"reason_sha256": sha256(""), "findings_json_sha256": sha256("[]")}
    tx.chain.append(at, "run_finished", run_id, {**ended, **said})


def _decided(
    tx: Write,
    run_id: str,
    at: datetime,
    digests: dict[int, str],
    *,
    rule: str,
    context: str,
    verdict: str,
    planted: str,
) -> None:
    long = {"args_json": "{}", "words": "", "context_json": context}
    sealed = {f"{name}_sha256": sha256(text) for name, text in long.items()}
    shown = {"kind": "approve", "rule": rule, "reason": "", "created_at": at, "deadline": None, "planted": planted}
    said = {"by": "anna", "via": "cli", "verdict": verdict}
    rows: list[dict[str, Any]] = []
    for number, digest in digests.items():
        named = {"ask_id": f"{run_id}:{number}", "agent": AGENT, **_call(number, digest), **shown}
        rows.append({"run_id": run_id, "decided_at": at, **named, **long, **said})
        tx.chain.append(at, "ask_opened", run_id, {**named, **sealed})
        tx.chain.append(at, "ask_decided", run_id, {"ask_id": named["ask_id"], **said})
    if rows:
        tx.connection.execute(insert(asks), rows)


def _done(tx: Write, run_id: str, at: datetime, digests: dict[int, str]) -> None:
    done = {"state": "consumed", "attempts": 1, "why": "", "reserved_at": at, "settled_at": at}
    facts: list[dict[str, Any]] = [
        {**_call(number, digest), "idempotency_key": f"{run_id}:{number}", "ask_id": None}
        for number, digest in digests.items()
    ]
    if not facts:
        return
    rows = [{"run_id": run_id, "args_json": "{}", "result_json": '"done"', **fact, **done} for fact in facts]
    entered = insert(effects).returning(effects.c.effect_id, sort_by_parameter_order=True)
    ended = {"before": "reserved", "result_json_sha256": sha256('"done"'), "undo_sha256": sha256("")}
    for effect_id, fact in zip(tx.connection.execute(entered, rows).scalars().all(), facts, strict=True):
        which = {"effect_id": effect_id}
        tx.chain.append(at, "effect_reserved", run_id, {**which, **fact, "args_sha256": sha256("{}")})
        tx.chain.append(at, "effect_consumed", run_id, {**which, **ended})


def _call(number: int, digest: str) -> dict[str, Any]:
    return {"call_id": f"main/c{number}", "tool": "shell", "digest": digest}


async def nights(
    ledger: Ledger, count: int, *, since: datetime = START - timedelta(days=200), outcome: str = "verified"
) -> None:
    """Runs at level 4, one a day."""

    def write(tx: Write) -> None:
        for night in range(count):
            at = since + timedelta(days=night)
            _run(tx, f"night-{night}", at, MARK, level=4, outcome=outcome, ending="finished")

    await ledger.write(write, durable=True)


async def started(ledger: Ledger, run_id: str = "now", *, mark: Fingerprint = MARK, level: Any = 4) -> str:
    """A run that is under way."""
    facts: dict[str, Any] = {"slot": None, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.see_fingerprint(AGENT, mark)
    told = {"agent": AGENT, "cause": "person", "level": level, "started_at": START, "evidence": mark.whole}
    await ledger.start_run(run_id, **told, **facts)
    return run_id


async def asked(ledger: Ledger, run_id: str, call_id: str = "main/1", *, rule: str = RULE, **changes: Any) -> Ask:
    """A question that waits."""
    told: dict[str, Any] = {
        "ask_id": f"{run_id}:{call_id}",
        "run_id": run_id,
        "call_id": call_id,
        "tool": "shell",
        "args_json": json.dumps({"command": call_id}),
        "digest": call_id,
        "kind": "approve",
        "rule": rule,
        "reason": "",
        "words": "",
        "created_at": START,
        "deadline": START + timedelta(days=1),
        "context_json": AskContext(risk="write").model_dump_json(),
        **changes,
    }
    return await ledger.write(lambda tx: enter_ask(tx, Ask(**told)), durable=True)


def by(person: str = "anna", *, because: str = "the evidence is enough", until: datetime | None = None) -> Signature:
    return Signature(by=person, via="cli", because=because, until=until)


async def climbed(ledger: Ledger, rule: str = RULE) -> None:
    """The class has earned it, and a person has promoted it: the agent stands at level 4."""
    await past(ledger, rule=rule, name=f"past {rule}")
    await ledger.see_fingerprint(AGENT, MARK)
    await ledger.promote_class(AGENT, rule, by(), fingerprint=MARK.whole, ceiling=5)
