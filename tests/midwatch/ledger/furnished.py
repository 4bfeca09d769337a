"""A ledger with a row at least in every table that `verify` holds against the journal, written by the ledger's own code."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from midwatch.breaker import Row
from midwatch.decision import Decision
from midwatch.fingerprint import fingerprint_of
from midwatch.halt import Target
from midwatch.ledger import Ask, Decided, Ledger, Staged
from midwatch.ledger.classes import move_class
from midwatch.ledger.transaction import Write
from midwatch.mandate import Terms
from midwatch.spec import AgentSpec
from midwatch.worth.answers import Answers
from midwatch.worth.profile import Profile
from tests.midwatch.ledger.conftest import START, FakeClock

FURNISHED = (
    *(
        "asks",
        "class_moves",
        "decisions",
        "effects",
        "fingerprints",
        "halts",
        "incidents",
        "labels",
        "levels",
        "mandates",
    ),
    *("breakers", "layers_seen", "pins", "proposals", "runs", "staged", "steps", "worth_answers"),
)
OWL = AgentSpec(name="night-owl", description="d", instructions="i", ceiling=5)
ANSWERS = Answers(
    minutes=Decimal(30),
    hour_usd=Decimal(60),
    review_minutes=Decimal(5),
    upkeep_minutes=Decimal(60),
    incident_minutes=Decimal(60),
)
"""A minute is a dollar."""
PROFILE = Profile(worst="write", worst_tools=("write_file",), reversible=True, bounded=True, bounds="put back")
BY: Final[dict[str, Any]] = {"by": "ann", "because": "a quiet month"}


async def question(ledger: Ledger, ask_id: str, **other: Any) -> None:
    facts: dict[str, Any] = {"tool": "shell", "args_json": '{"command":"make"}', "digest": "d1", "kind": "approve"}
    facts |= {"rule": "default", "reason": "no rule", "words": "I must", "created_at": START, "deadline": None, **other}
    await ledger.open_ask(Ask(ask_id=ask_id, run_id="run-1", call_id=f"main/{ask_id}", **facts))


async def rehearsed(ledger: Ledger, clock: FakeClock) -> None:
    """Two staged calls: one that a run has taken and one that a person has refused."""
    began: dict[str, Any] = {"agent": "night-owl", "cause": "person", "slot": None, "level": 3, "asked_level": None}
    began |= {"input": {}, "fingerprint": "f", "started_at": clock()}
    await ledger.start_run("night", shadow=True, **began)
    told: dict[str, Any] = {"item": None, "tool": "shell", "args_json": "{}", "bound": ("to",), "verdict": "ask"}
    told |= {"rule": "ask.push", "reason": "it pushes", "risk": "write", "context_json": '{"risk":"write"}'}
    decision = Decision(verdict="ask", rule="ask.push", reason="it pushes")
    for name in ("a", "b"):
        at: dict[str, Any] = {"position": f"main/gate/{name}", "digest": name}
        call = Staged(run_id="night", call_id=f"main/{name}", **at, **told)
        await ledger.stage(call, Decided(tool="shell", args_json="{}", decision=decision, **at))
    await ledger.finish_run("night", outcome="rehearsed", reason="staged")
    one, other = await ledger.staged_of("night")
    await ledger.approve_staged("night", {one.staged_id: one.digest}, via="cli", **BY)
    await ledger.refuse_staged("night", {other.staged_id: other.digest}, via="cli", **BY)
    await ledger.start_run("morning", **began)
    await ledger.take_staged("night", "morning", timedelta(days=1))


async def looked_at(ledger: Ledger, clock: FakeClock) -> None:
    """Its layers, its server, its worth, and a breaker that opened and is closed again."""
    await ledger.record_layers("night-owl", fingerprint="f", held=False, detail="no model")
    await ledger.see_tools("night-owl", {("book", "read"): "{}"}, first_use=True)
    await ledger.answer_worth("night-owl", ANSWERS, PROFILE, by="ann", via="cli")
    why = Row(cause="failed: no", failures=3)
    await ledger.open_breaker("night-owl", why, last_run="run-1", probe_at=clock() + timedelta(hours=1))
    await ledger.breaker_pauses("night-owl", ["night"])
    await ledger.close_breaker("night-owl", **BY)


async def furnish(ledger: Ledger, clock: FakeClock) -> None:
    """One row at least in every witnessed table, by the ledger's own code."""
    await ledger.add_label("run-1", "untrusted", "a mail")
    await ledger.record_step(
        "run-1", "main/model/1", kind="model", name="m", detail="x", seconds=0.25, request_digest="q"
    )
    decided = Decision(verdict="ask", rule="default", reason="no rule")
    facts: dict[str, Any] = {"tool": "shell", "args_json": '{"command":"make"}', "digest": "d1"}
    await ledger.record_decision("run-1", Decided(position="main/gate/1", decision=decided, **facts))
    await question(ledger, "1", planted="it is a test", context_json='{"risk":"write"}')
    await question(ledger, "2")
    await ledger.decide_ask("2", "approved", by="ann", via="cli", reason="fine", digest_seen="d1")
    clock.forward(minutes=1)
    effect: dict[str, Any] = {"tool": "shell", "digest": "d1", "args_json": '{"command":"make"}'}
    done = await ledger.reserve("run-1", "main/2", idempotency_key="k", ask_id="2", **effect)
    await ledger.consume(done.effect_id, '{"ok":true}', undo="make clean")
    lost = await ledger.reserve("run-1", "main/3", idempotency_key="l", **effect)
    await ledger.release(lost.effect_id)
    await ledger.reserve("run-1", "main/3", idempotency_key="l", **effect)
    await ledger.mark_unknown(lost.effect_id, "the machine died", undo="look first")
    terms = Terms(agent="night-owl", rules=("shell",), tools={"shell": "s"}, uses=2, until=clock() + timedelta(days=1))
    for _ in range(2):
        signed = await ledger.grant_mandate(terms, via="cli", **BY)
    await ledger.revoke_mandate(signed.mandate_id, **BY)
    await rehearsed(ledger, clock)
    await looked_at(ledger, clock)
    await ledger.halt(Target.around("night-owl", "run-1")[1], via="cli", **BY)
    await ledger.lift_halt(Target.around("night-owl", "run-1")[1], via="cli", **BY)
    await ledger.grant_level("night-owl", 4, **BY, until=clock() + timedelta(days=7))
    await ledger.grant_level("night-owl", 3, **BY)
    mark = fingerprint_of(OWL, ["local"])
    await ledger.see_fingerprint("night-owl", mark)
    await ledger.propose("night-owl", "ask.push", 4, '{"days":12}')
    (proposal,) = await ledger.open_proposals()
    await ledger.refuse_proposal(proposal.proposal_id, **BY)
    await ledger.report_incident("run-1", call_id="main/2", severity="minor", via="cli", **BY)

    def moved(tx: Write) -> None:
        ends: dict[str, Any] = {**BY, "via": "cli", "until": tx.at + timedelta(days=7), "evidence_json": '{"days":3}'}
        move_class(tx, "night-owl", "ask.push", "allow", basis="override", fingerprint=mark.whole, **ends)
        move_class(tx, "night-owl", "ask.push", "ask", basis="fall", fingerprint=mark.whole, because="denied")

    await ledger.write(moved, durable=True)
    await ledger.finish_run("run-1", outcome="unknown", reason="nobody saw it")
