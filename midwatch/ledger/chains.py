"""The ledger: which runs have ended since a chain looked last? It reads the journal, where an end is written exactly once.

A clock would not do: on several machines, or when one is set back, a run can end at a time that was passed already.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update

from midwatch.ledger.runs import RunRow, run_row
from midwatch.ledger.tables import chain_marks, journal, runs
from midwatch.ledger.transaction import Read, Write, reads, writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """A stretch of the journal."""

    rows: tuple[RunRow, ...]
    """Runs of one agent, in the order in which they ended."""
    until: int
    """The last place that was looked at."""


@writes()
def chain_mark(tx: Write, agent: str, trigger: str) -> int:
    """How far this chain has looked. One that is new begins now: what ended before does not concern it."""
    row, _ = tx.enter(chain_marks, {"agent": agent, "trigger": trigger}, seq=_end(tx))
    return int(row["seq"])


@writes(durable=False)
def move_chain_mark(tx: Write, agent: str, trigger: str, seq: int) -> None:
    """Never back. Where it is lost, the same runs are found once more, and have arrived already."""
    mine = update(chain_marks).where(chain_marks.c.agent == agent, chain_marks.c.trigger == trigger)
    tx.changed(mine.where(chain_marks.c.seq < seq).values(seq=seq))


@writes(durable=False)
def keep_chain_marks(tx: Write, chains: Collection[tuple[str, str]]) -> None:
    """Forget how far all others have looked: one that is taken out and put back is new."""
    for row in tx.all(select(chain_marks)):
        agent, trigger = row["agent"], row["trigger"]
        if (agent, trigger) not in chains:
            tx.changed(delete(chain_marks).where(chain_marks.c.agent == agent, chain_marks.c.trigger == trigger))


@reads
def endings_after(tx: Read, seq: int, agent: str, *, most: int = 2000) -> Endings:
    """The runs of `agent` that ended in the next stretch of the journal, without rehearsals; `most` is its length."""
    until = min(_end(tx), seq + most)
    mine = (journal.c.seq > seq, journal.c.seq <= until, journal.c.kind == "run_finished", runs.c.agent == agent)
    query = (
        select(runs)
        .join(journal, journal.c.run_id == runs.c.run_id)
        .where(*mine, ~runs.c.shadow)
        .order_by(journal.c.seq)
    )
    return Endings(rows=tuple(run_row(row) for row in tx.all(query)), until=until)


def _end(tx: Read) -> int:
    return int(tx.connection.scalar(select(func.max(journal.c.seq))) or 0)
