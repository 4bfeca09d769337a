"""The ledger: what became of an effect whose end nobody saw? A person says it; a run that ends leaves none unasked."""

from __future__ import annotations

from typing import assert_never

from sqlalchemy import select

from midwatch.errors import LedgerError
from midwatch.ledger.asks import AskDecision, find_ask
from midwatch.ledger.doubts import Settlement, Testimony
from midwatch.ledger.effects import EffectRow, move
from midwatch.ledger.tables import effects
from midwatch.ledger.transaction import Write, writes


@writes()
def settle_effect(
    tx: Write, ask_id: str, verdict: Settlement, *, by: str, via: str, reason: str, result_json: str = "null"
) -> AskDecision:
    """A person says what became of an effect that nobody could tell of. The first answer counts.

    Args:
        ask_id: the question that `mark_unknown` or the end of the run has opened.
        result_json: with `happened`, what stands as the result of the call.

    Raises:
        LedgerError: no such question, or one that asks for something else, or no reason.
    """
    asked = find_ask(tx, ask_id)
    if asked.kind != "settle":
        raise LedgerError(f"ask {ask_id!r} ({asked.tool}) does not ask whether it happened: approve, deny or answer it")
    if not reason.strip():
        raise LedgerError(f"say how you know what became of {asked.tool!r}: a reason stays in the ledger")
    if asked.verdict is not None:
        return AskDecision(first=False, row=asked)
    this_one = (effects.c.run_id == asked.run_id, effects.c.call_id == asked.call_id)
    row = tx.connection.execute(select(effects).where(*this_one)).mappings().one()
    said = Testimony(by=by, via=via, decided_because=reason)
    match verdict:
        case "happened":
            move(tx, row, "consumed", said, result_json=result_json)
        case "did_not_happen":
            move(tx, row, "released", said)
        case _:
            assert_never(verdict)
    return AskDecision(first=True, row=find_ask(tx, ask_id))


def doubt_open(tx: Write, run_id: str, why: str) -> list[EffectRow]:
    """Make what is still `reserved` of a run `unknown`; all that is unknown of it now. For a run that ends."""
    mine = select(effects).where(effects.c.run_id == run_id).order_by(effects.c.effect_id)
    for row in tx.all(mine.where(effects.c.state == "reserved")):
        move(tx, row, "unknown", why=why)
    return [EffectRow(**row) for row in tx.all(mine.where(effects.c.state == "unknown"))]
