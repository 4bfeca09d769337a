"""The ledger: what did the agent's last good runs do? One row for each verified run, written as it ends."""

from __future__ import annotations

from sqlalchemy import select

from midwatch.habit import LAST, Traits
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import habits
from midwatch.ledger.transaction import Read, Write, reads, writes


@writes(durable=False)
def record_traits(tx: Write, run_id: str, traits: Traits) -> None:
    """Keep what a verified run did; the same run again changes nothing, and a rehearsal is no habit."""
    run, told = tx.run(run_id), traits.model_dump_json()
    if run["shadow"]:
        return
    facts = {"agent": run["agent"], "fingerprint": run["fingerprint"], "at": tx.at}
    if tx.is_new(habits, {"run_id": run_id}, traits_json=told, **facts):
        tx.journal("habit", run_id, traits_sha256=sha256(told))


@reads
def past_traits(tx: Read, agent: str, fingerprint: str) -> list[Traits]:
    """What the last verified runs of the same agent file did, the newest first; never more than `LAST` of them."""
    mine = select(habits.c.traits_json).where(habits.c.agent == agent, habits.c.fingerprint == fingerprint)
    rows = tx.all(mine.order_by(habits.c.at.desc(), habits.c.run_id).limit(LAST))
    return [Traits.model_validate_json(row["traits_json"]) for row in rows]
