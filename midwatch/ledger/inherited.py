"""The ledger: what does a changed agent have from what it was? Nothing, unless the operator says how much, and it has passed.

It passed when every case of its latest eval passed, as it is now, and enough of the cases were runs of one and the same
agent that it was before: of that one's latest climb it inherits. What was bad then it inherits whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from midwatch.evals import MIN_CASES, inherited
from midwatch.ladder import Evidence, Tally
from midwatch.ledger.tables import eval_results
from midwatch.ledger.transaction import Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """What is left of the evidence of an older fingerprint."""

    share: float
    eval_id: str
    fingerprint: str
    """Whose it was."""
    left: Tally


def inherited_by(
    tx: Read, agent: str, fingerprint: str, share: float, now: datetime, evidence_of: Callable[[str], Evidence]
) -> Inherited | None:
    """What the agent as it is has from what it was, as of `now`; None: nothing.

    Args:
        share: of what was clean, as the operator has set it.
        evidence_of: what another fingerprint has of its own.
    """
    passed = _passed(tx, agent, fingerprint, now) if share else None
    if passed is None:
        return None
    eval_id, older = passed
    climb = evidence_of(older).climb
    left = Tally(clean=inherited(climb.clean, share, passed=True), minor=climb.minor, major=climb.major)
    return Inherited(share=share, eval_id=eval_id, fingerprint=older, left=left) if left.clean else None


def _passed(tx: Read, agent: str, fingerprint: str, now: datetime) -> tuple[str, str] | None:
    """The latest eval, and the fingerprint of most of its cases, where every one passed and enough of them are of that."""
    mine = (eval_results.c.agent == agent, eval_results.c.fingerprint == fingerprint, eval_results.c.at <= now)
    last = select(eval_results.c.eval_id).where(*mine).order_by(eval_results.c.result_id.desc()).limit(1)
    rows = tx.all(select(eval_results).where(*mine, eval_results.c.eval_id == last.scalar_subquery()))
    cases = Counter(row["case_fingerprint"] for row in rows if row["case_fingerprint"] not in ("", fingerprint))
    if not cases or not all(row["passed"] for row in rows):
        return None
    (older, count), *_ = cases.most_common(1)
    return (rows[0]["eval_id"], older) if count >= MIN_CASES else None
