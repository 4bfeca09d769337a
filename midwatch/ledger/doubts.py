"""The ledger: nobody saw whether this effect happened; who is asked, and what was said? One question for each attempt.

The question is opened in the transaction that makes the effect `unknown` and closed in the one that makes it anything
else, so an effect is `unknown` exactly as long as its question waits.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import RowMapping, select

from midwatch.ledger.asks import Ask, AskRow, enter_ask, enter_decision, find_ask
from midwatch.ledger.tables import asks
from midwatch.ledger.transaction import Write

Settlement = Literal["happened", "did_not_happen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """Who says what became of an effect, and how they know."""

    by: str
    via: str
    decided_because: str


BY_THE_RUN = Testimony(by="midwatch", via="run", decided_because="the run found out by itself when it went on")


def question_id(effect: RowMapping) -> str:
    """Of the question about the attempt at hand: the same whoever asks it, and however often."""
    return f"{effect['run_id']}:settle:{effect['call_id']}:{effect['attempts']}"


def ask_about(tx: Write, effect: RowMapping, why: str) -> AskRow:
    """Open the question. It has no deadline: that nobody answers does not tell what happened."""
    same = {name: effect[name] for name in ("run_id", "call_id", "tool", "args_json", "digest")}
    ask_id = question_id(effect)
    return enter_ask(
        tx, Ask(ask_id=ask_id, kind="settle", rule="", reason=why, words="", created_at=tx.at, deadline=None, **same)
    )


def close(tx: Write, effect: RowMapping, verdict: Settlement, said: Testimony) -> None:
    """Answer the question, where there is one: a ledger of an older revision has effects that nobody was asked about."""
    ask_id = question_id(effect)
    if tx.first(select(asks.c.ask_id).where(asks.c.ask_id == ask_id, asks.c.verdict.is_(None))) is not None:
        enter_decision(tx, find_ask(tx, ask_id), {"verdict": verdict, **asdict(said)})
