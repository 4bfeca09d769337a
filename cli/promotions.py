"""The command line: which promotions are proposed, on what evidence, and how does a person answer?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from midwatch.characters import visible
from midwatch.ledger import Proposal


def proposal_lines(found: Sequence[Proposal]) -> Iterator[str]:
    """For the inbox."""
    for one in found:
        what = f"let {one.rule} go unasked" if one.rule else f"put it on level {one.to_level}"
        yield ""
        yield visible(f"Proposed for {one.agent} since {one.opened_at:%Y-%m-%d}: {what}")
        yield visible(f"  {words_of(one)}")
        yield visible(f"  {promoting(one.agent, one.rule, one.to_level)}")


def promoting(agent: str, rule: str | None, to_level: int) -> str:
    """The commands that answer a proposal."""
    what = f"'{rule}'" if rule else f"--to {to_level}"
    return f"`midwatch promote {agent} {what}` promotes it; with `--refuse --because ...` it is a no"


def words_of(one: Proposal) -> str:
    """Its evidence as it was when it was opened."""
    return str(json.loads(one.evidence_json).get("words", "`midwatch level` shows the evidence"))


def proposal_facts(one: Proposal) -> dict[str, Any]:
    """One as JSON has it, among the questions of the inbox."""
    return {
        "kind": "promotion",
        "proposal_id": one.proposal_id,
        "agent": one.agent,
        "rule": one.rule,
        "to_level": one.to_level,
        "opened_at": one.opened_at.isoformat(),
        "evidence": json.loads(one.evidence_json),
    }
