"""What would a year of decisions look like in the ledger? Seeded, written by the ledger's own code, its journal included.

The calls are decided by the policy that ships; a person answers what is asked by the dice.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from midwatch.backtest import OneCore, Replay, Trial
from midwatch.calls import canonical_json, digest, parse_call
from midwatch.decision import Decision
from midwatch.ledger import Ask, Decided, Ledger
from midwatch.ledger.asks import AskVerdict, enter_ask, enter_decision
from midwatch.ledger.backtest import PastCall, PastRun
from midwatch.ledger.decisions import enter
from midwatch.ledger.labels import enter as enter_label
from midwatch.ledger.transaction import Write
from midwatch.policy import compile_policy
from midwatch.policy.resolve import as_spelled
from midwatch.risk import ToolFacts
from midwatch.run import Level
from midwatch.spec import AgentSpec, Rules

AGENT: Final = "clerk"
PROJECT: Final = Path("/srv/office")
"""No disk is looked at, so nothing has to be there."""
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
CALLS_A_RUN: Final = 200
TOOLS: Final[dict[str, ToolFacts]] = {
    "read_file": ToolFacts(risk="read", untrusted=False),
    "write_file": ToolFacts(risk="write", sinks=()),
    "shell": ToolFacts(risk="execute"),
    "http_request": ToolFacts(risk="egress", sinks=("url",)),
    "send_email": ToolFacts(risk="egress", sinks=("to",)),
    "pay": ToolFacts(risk="money", sinks=("to",)),
}
OLD: Final = Rules(
    allow=[
        {"read_file": "**"},
        {"write_file": "drafts/**"},
        {"shell": ["git status|diff|log ...", "make test|lint ...", "grep ..."]},
        {"http_request": ["GET https://api.example.org/v1/**", "GET https://docs.example.org/**"]},
        {"send_email": {"to": {"domain": "corp.example"}}},
        {
            "pay": {"to": "landlord", "amount": {"above": 0, "max": 20}, "currency": "EUR"},
            "id": "small",
            "budget": {"sum": "amount", "max": 500, "per": "24h"},
        },
    ],
    ask=[{"shell": "git push ..."}, {"write_file": "contracts/**"}],
    deny=[{"shell": "rm ..."}, {"http_request": "DELETE https://*/**"}, {"read_file": "private/**"}],
)
NEW: Final = Rules(
    allow=[
        *OLD.allow[:1],
        {"write_file": ["drafts/**", "reports/**"]},
        {"shell": ["git status|diff|log ...", "make test ...", "git push origin ..."]},
        *OLD.allow[3:],
    ],
    ask=[{"write_file": "contracts/**"}, {"send_email": None, "if": ["untrusted"]}],
    deny=[{"shell": "rm -rf ..."}, *OLD.deny[1:]],
)
_SAID: Final[tuple[AskVerdict, ...]] = ("approved", "approved", "approved", "denied", "edited", "expired")


def trial(rules: Rules, *, level: Level | None = None) -> Trial:
    """The clerk under these rules, without a house: no tool of it is ever built."""
    spec = AgentSpec(name=AGENT, description="Of the benchmark.", instructions="Do what is asked.", rules=rules)
    risks = {name: facts.risk for name, facts in TOOLS.items()}
    with as_spelled():
        policy = compile_policy(rules, tools=risks, roots={}, project=PROJECT)
    return Trial(spec=spec, policy=policy, facts=TOOLS, servers={}, hold=lambda decision, *_: decision, level=level)


def arguments(number: int) -> tuple[str, dict[str, Any]]:
    """The call with this number: another number, another call."""
    n, kind = number, number % 20
    if kind < 6:
        return "read_file", {"path": f"notes/{n % 97}/day-{n}.md"}
    if kind < 8:
        return "write_file", {"path": f"{('drafts', 'reports', 'contracts')[n % 3]}/{n}.md", "content": f"Number {n}."}
    if kind < 13:
        said = ("git status -s", "make test", "git push origin", "rm -f", "grep -rn word")[n % 5]
        return "shell", {"command": f"{said} draft-{n}"}
    if kind < 16:
        method, host = (
            ("GET", "GET", "POST")[n % 3],
            ("api.example.org/v1", "docs.example.org", "far.example")[n % 7 % 3],
        )
        return "http_request", {"method": method, "url": f"https://{host}/items/{n}"}
    if kind < 18:
        return "send_email", {"to": [f"p{n}@{('corp', 'far')[n % 2]}.example"], "subject": f"On {n}", "body": "Hello."}
    return "pay", {"to": "landlord", "amount": 1 + n % 30, "currency": "EUR"}


async def seed(ledger: Ledger, *, decisions: int, different: int, moment: list[datetime], seed: int = 7) -> None:
    """Write so many decisions into an empty ledger, `CALLS_A_RUN` of them in a run.

    Args:
        different: how many calls there are to choose from.
        moment: what the ledger's clock reads; it is moved.
    """
    old = trial(OLD)
    dice, replay = random.Random(seed), Replay(old, OneCore(old))  # dice that fall the same every time
    for first in range(0, decisions, CALLS_A_RUN):
        moment[0] += timedelta(hours=17)
        run_id = f"run-{first:07}"
        numbers = range(first, min(first + CALLS_A_RUN, decisions))
        facts: dict[str, Any] = {"cause": "schedule", "slot": None, "level": 4, "asked_level": None, "input": {}}
        await ledger.start_run(run_id, agent=AGENT, fingerprint="f", started_at=moment[0], **facts)
        await ledger.write(lambda tx, r=run_id, n=numbers: _run(tx, r, n, different, dice, replay), durable=False)


def _run(tx: Write, run_id: str, numbers: range, different: int, dice: random.Random, replay: Replay) -> None:
    labels = {"untrusted": tx.at - timedelta(seconds=1)} if dice.random() < 0.2 else {}
    for label in labels:
        enter_label(tx, run_id, label, "it read a mail")  # type: ignore[arg-type]  # a label's name
    run = PastRun(level=4, cause="schedule", input={}, labels=labels)  # type: ignore[arg-type]
    calls = [_call(run_id, run, number % different, tx.at) for number in numbers]
    for number, told in zip(numbers, replay.tell(calls), strict=True):
        _enter(tx, run_id, number, told.call, told.now, dice)


def _call(run_id: str, run: PastRun, number: int, at: datetime) -> PastCall:
    tool, args = arguments(number)
    args_json = canonical_json(args)
    return PastCall(
        run_id=run_id,
        run=run,
        at=at,
        tool=tool,
        args_json=args_json,
        verdict="allow",
        rule="",
        asked=False,
        answer=None,
    )


def _enter(tx: Write, run_id: str, number: int, call: PastCall, decision: Decision, dice: random.Random) -> None:
    sealed = digest(parse_call(call.tool, call.args_json))
    position = f"main/gate/{number}"
    enter(
        tx,
        run_id,
        Decided(position=position, tool=call.tool, args_json=call.args_json, digest=sealed, decision=decision),
    )
    if decision.verdict != "ask":
        return
    row = enter_ask(
        tx,
        Ask(
            ask_id=f"{run_id}:main:{number}",
            run_id=run_id,
            call_id=f"main/{number}",
            tool=call.tool,
            args_json=call.args_json,
            digest=sealed,
            kind="approve",
            rule=decision.rule,
            reason=decision.reason,
            words="It has to be done.",
            created_at=tx.at,
            deadline=tx.at + timedelta(hours=12),
        ),
    )
    verdict = dice.choice(_SAID)
    granted = sealed if verdict == "approved" else None
    said: dict[str, str | None] = {
        "verdict": verdict,
        "by": "ann",
        "via": "cli",
        "decided_because": "",
        "granted_digest": granted,
    }
    enter_decision(tx, row, said)
