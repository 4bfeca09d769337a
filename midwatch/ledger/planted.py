"""The ledger: how is a round of questions opened, and may one of them be a test? Counted and entered in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from midwatch.ledger.asks import Ask, AskRow, enter_ask
from midwatch.ledger.tables import asks
from midwatch.ledger.transaction import Read, Write, reads, writes


@writes()
def open_round(tx: Write, questions: Sequence[Ask], test: Ask | None = None, share: float = 0.0) -> list[AskRow]:
    """Enter the questions of one round, and `test` with them as long as tests stay within their share of all.

    What stands there already is returned as it stands, and nothing is added to a round that was opened before.

    Args:
        test: a planted proposal.
        share: of all that the agent's people are asked about calls, tests included.

    Returns:
        The rows of `questions`; who wants the test looks for it in `asks_of`.

    Raises:
        LedgerError: another call stands under an ask's id.
    """
    known = {row["ask_id"] for row in tx.all(select(asks.c.ask_id).where(asks.c.run_id == questions[0].run_id))}
    rows = [enter_ask(tx, ask) for ask in questions]
    is_new = any(ask.ask_id not in known for ask in questions)
    if test is not None and is_new and test.ask_id not in known and _has_room(tx, test, rows[0].agent, share):
        enter_ask(tx, test)
    return rows


@reads
def planted_decided(tx: Read, agent: str | None = None) -> list[AskRow]:
    """Every planted proposal that somebody decided, oldest first; of one agent or of all. Before that, nobody is told of it."""
    query = select(asks).where(asks.c.planted != "", asks.c.verdict.is_not(None)).order_by(asks.c.decided_at)
    return [AskRow(**row) for row in tx.all(query if agent is None else query.where(asks.c.agent == agent))]


def _has_room(tx: Read, test: Ask, agent: str, share: float) -> bool:
    mine = select(asks.c.planted, asks.c.run_id, asks.c.verdict).where(asks.c.agent == agent, asks.c.kind == "approve")
    asked = tx.all(mine)
    planted = [row for row in asked if row["planted"]]
    waits = any(row["run_id"] == test.run_id and row["verdict"] is None for row in planted)
    return not waits and len(planted) + 1 <= share * (len(asked) + 1)
