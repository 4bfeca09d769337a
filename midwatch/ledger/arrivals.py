"""The ledger: what came from outside, and what became of it? One row for a delivery, however often it is delivered.

    enter_arrival ──> received ──> started          (midwatch/ledger/dispatch.py)
         │               │  ^
         │               │  └── retry_arrival ── set_aside: could not be started so often
         │               └────> coalesced: another arrival's run is its run too
         └──────────> refused: kept for looking at; delivered again, and fit by then, it is received

What arrived stays untrusted, whoever hands it to a run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, RowMapping, func, select, union, update

from midwatch.errors import LedgerError
from midwatch.ledger import labels
from midwatch.ledger.journal import canonical, sha256
from midwatch.ledger.tables import arrivals as table
from midwatch.ledger.tables import labels as run_labels
from midwatch.ledger.transaction import Read, Write, reads, writes

ArrivalState = Literal["received", "started", "refused", "set_aside", "coalesced"]
ARRIVAL: Final = "arrival:"
"""How the idempotency key of an arrival's run begins; its id follows."""
SLOT: Final = f"event {ARRIVAL}"
"""And how its slot does."""
AT_ONCE: Final = timedelta()
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What came, before the ledger has it."""

    agent: str
    trigger: str
    delivery: str
    """The sender's name for it: whatever has the same one is the same."""
    payload: str
    """As it came, or as JSON."""
    input: Mapping[str, Any]
    """What it gives a run; empty where it is refused."""
    refused: str = ""
    """Why no run can take it."""
    parent_run: str | None = None
    """Of a chain: the run that has ended."""

    @property
    def id(self) -> str:
        """The same for the same delivery, on every machine."""
        return sha256(canonical([self.agent, self.trigger, self.delivery]))[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalRow:
    arrival_id: str
    agent: str
    trigger: str
    delivery: str
    received_at: datetime
    input: Mapping[str, Any]
    state: ArrivalState
    why: str
    """Of what is refused, or could not be started until now."""
    due_at: datetime
    """Not started before."""
    tries: int
    gathered_at: datetime | None
    """When it was settled which arrivals its run is for; nothing joins it after that."""
    joined: str | None
    """Coalesced: the arrival whose run is this one's too."""
    parent_run: str | None
    run_id: str | None
    started_at: datetime | None


_LIGHT: Final = [column for column in table.c if column.name not in ("payload", "input_sha256")]


@writes()
def enter_arrival(tx: Write, arrival: Arrival, *, wait: timedelta = AT_ONCE) -> tuple[ArrivalRow, bool]:
    """Enter what came, not to be started before `wait` is over; what stands of this delivery already stays.

    Returns the row, and whether it is one that nobody had accepted before.
    """
    key = {"agent": arrival.agent, "trigger": arrival.trigger, "delivery": arrival.delivery}
    facts = _facts(tx, arrival, wait)
    standing, new = tx.enter(table, key, arrival_id=arrival.id, payload=arrival.payload, **facts)
    mended = not new and standing["state"] == "refused" and not arrival.refused
    if mended:
        again = update(table).where(table.c.arrival_id == arrival.id)
        tx.changed(again.values(payload=arrival.payload, **facts))
        standing = tx.row(table, key)
    if new or mended:
        sealed = {"payload_sha256": sha256(arrival.payload), "input_sha256": facts["input_sha256"]}
        tx.journal("arrival", arrival.parent_run, arrival_id=arrival.id, **key, **sealed, state=facts["state"])
    return arrival_row(standing), (new or mended) and not arrival.refused


@reads
def known_deliveries(tx: Read, agent: str, trigger: str, deliveries: Collection[str]) -> frozenset[str]:
    """Which of these have a row already."""
    names, known = sorted(deliveries), set[str]()
    mine = select(table.c.delivery).where(table.c.agent == agent, table.c.trigger == trigger)
    for first in range(0, len(names), _CHUNK):
        some = mine.where(table.c.delivery.in_(names[first : first + _CHUNK]))
        known.update(row["delivery"] for row in tx.all(some))
    return frozenset(known)


@reads
def arrivals(tx: Read, agent: str | None = None, *, limit: int = 50) -> list[ArrivalRow]:
    """The latest, newest first; of one agent or of all."""
    query = select(*_LIGHT).order_by(table.c.received_at.desc(), table.c.arrival_id).limit(limit)
    return [arrival_row(row) for row in tx.all(query if agent is None else query.where(table.c.agent == agent))]


@reads
def arrival(tx: Read, beginning: str) -> tuple[ArrivalRow, str]:
    """The one arrival whose id begins so, and its payload.

    Raises:
        LedgerError: there is none, or more than one.
    """
    mine = table.c.arrival_id.startswith(beginning, autoescape=True)
    found = tx.all(select(table).where(mine).limit(2))
    if not beginning or len(found) != 1:
        said = "more than one arrival" if len(found) > 1 else "no arrival"
        raise LedgerError(f"{said} has an id that begins with {beginning!r}; `midwatch arrivals` lists them")
    return arrival_row(found[0]), found[0]["payload"]


def label_run(tx: Write, run_id: str, agent: str, slot: str | None, input_json: str) -> None:
    """What came from outside is untrusted in every run of it, also in a copy that a person has started.

    A chain's run has the labels of the run that it follows, for what that has read may stand in what it hands on.
    """
    heads = _heads(agent, slot or "", sha256(input_json) if input_json != "{}" else "")
    row = tx.first(select(table.c.arrival_id).where(*heads).limit(1))
    if row is None:
        return
    labels.enter(tx, run_id, "untrusted", f"its input came with arrival {row['arrival_id']}")
    joined = table.c.joined.in_(select(table.c.arrival_id).where(*heads))
    behind = union(
        *(select(table.c.parent_run).where(*mine, table.c.parent_run.is_not(None)) for mine in (heads, [joined]))
    )
    before = select(run_labels.c.label, func.min(run_labels.c.run_id).label("parent")).group_by(run_labels.c.label)
    for each in tx.all(before.where(run_labels.c.run_id.in_(behind))):
        labels.enter(tx, run_id, each["label"], f"run {each['parent']}, which came before it, has it")


@reads
def is_from_outside(tx: Read, run_id: str) -> bool:
    """Whether what arrived gave this run its input, or gave the same one to another run of the agent."""
    run = tx.run(run_id)
    digest = sha256(run["input_json"]) if run["input_json"] != "{}" else ""
    heads = _heads(run["agent"], run["slot"] or "", digest)
    return tx.first(select(table.c.arrival_id).where(*heads).limit(1)) is not None


def _heads(agent: str, slot: str, digest: str) -> list[ColumnElement[bool]]:
    """The arrivals that a run is for, without those that joined them: by its slot, else whichever gave a run this input."""
    own = slot.removeprefix(SLOT) if slot.startswith(SLOT) else ""
    return [table.c.agent == agent, table.c.arrival_id == own if own else table.c.input_sha256 == digest]


def arrival_row(row: RowMapping) -> ArrivalRow:
    """One row of the table as a value."""
    fields = {name: value for name, value in row.items() if name not in ("payload", "input_sha256")}
    return ArrivalRow(input=json.loads(fields.pop("input_json")), **fields)


def _facts(tx: Write, arrival: Arrival, wait: timedelta) -> dict[str, Any]:
    input_json = canonical(dict(arrival.input))
    return {
        "received_at": tx.at,
        "input_json": input_json,
        "input_sha256": sha256(input_json),
        "state": "refused" if arrival.refused else "received",
        "why": arrival.refused,
        "due_at": tx.at + wait,
        "parent_run": arrival.parent_run,
    }
