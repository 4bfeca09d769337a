"""Permissions: what does a request show that waits for a person? Read from the ledger alone, for every channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from midwatch.budget import Spent
from midwatch.ledger import AskRow, Ledger
from midwatch.request import Question, Request, numbered, together


async def request_of(ledger: Ledger, asks: Sequence[AskRow]) -> Request:
    """`asks`, which are not none, as one request; each as it stands now."""
    wanted = {ask.ask_id for ask in asks}
    questions: list[Question] = []
    spent = Spent()
    for run_id in dict.fromkeys(ask.run_id for ask in asks):
        ways = {row.call_id: row.undo for row in await ledger.effects_of(run_id)}
        questions += [
            replace(question, undo=ways.get(question.ask.call_id, ""))
            for question in numbered(await ledger.asks_of(run_id))
            if question.ask.ask_id in wanted
        ]
        spent += await ledger.spent_by(run_id)
    return Request(questions=tuple(questions), cost=spent.said())


async def request_with(ledger: Ledger, ask_id: str) -> Request:
    """The request that holds this question, as it would be asked now; alone once it is decided.

    Raises:
        LedgerError: there is no such question.
    """
    ask = await ledger.ask(ask_id)
    for asks in together(await ledger.open_asks(ask.agent)):
        if ask_id in {row.ask_id for row in asks}:
            return await request_of(ledger, asks)
    return await request_of(ledger, [ask])
