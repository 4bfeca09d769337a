"""The ledger: which entries and rows are looked at when it is held against its journal? All, or what one agent's evidence is.

An agent's rows are those that bear its name, or that of a run of its; so are its entries. A row that another hand made its own
stands there without an entry, and of one that was made another's the entries are left over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, Table, or_, select

from midwatch.ledger.journal import Link
from midwatch.ledger.tables import runs
from midwatch.ledger.told import Witnessed
from midwatch.ledger.witnessed import WITNESSED

HOUSE: Final = frozenset({"halts"})
"""Tables about no one agent, which keep all of them from rising."""
EVIDENCE: Final = HOUSE | {
    *("runs", "decisions", "asks", "effects", "staged", "incidents", "fingerprints"),
    *("levels", "class_moves", "breakers", "layers_seen", "worth_answers", "eval_results"),
}
"""Tables that a promotion rests on."""


@dataclass
class Scope:
    """What is looked at."""

    agent: str | None = None
    """What the promotions of this one rest on; None: all that is witnessed, of everybody."""
    runs: set[str] = field(default_factory=set)
    """The agent's, as the journal has told of them so far."""

    @property
    def tables(self) -> tuple[Witnessed, ...]:
        return tuple(one for one in WITNESSED if self.agent is None or one.table in EVIDENCE)

    def hears(self, table: str, link: Link, body: Mapping[str, Any]) -> bool:
        """Whether the entry is about the agent; to be asked in the journal's order."""
        if self.agent is None or table in HOUSE or link.run_id in self.runs:
            return True
        if body.get("agent") == self.agent and table == "runs" and link.run_id is not None:
            self.runs.add(link.run_id)
        return body.get("agent") == self.agent

    def rows(self, table: Table) -> Select[Any]:
        """Those of the table that are looked at."""
        if self.agent is None or table.name in HOUSE:
            return select(table)
        its_own = select(runs.c.run_id).where(runs.c.agent == self.agent)
        named = [table.c.agent == self.agent] if "agent" in table.c else []
        ran = [table.c.run_id.in_(its_own)] if "run_id" in table.c else []
        return select(table).where(or_(*named, *ran))
