"""The ledger: was what was earned earned? The evidence of each promotion, counted again from the tables as of its moment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import RowMapping, select

from midwatch.ledger.evidence import Record, as_told, record_of, runs_record_of
from midwatch.ledger.tables import class_moves, levels
from midwatch.ledger.transaction import Read

COUNTED: Final = ("risk", "climbs", "days", "inputs", "d")
"""What of the evidence is counted, and not worked out from it."""
Unearned = tuple[str, Mapping[str, Any], str]
"""Table, key, and what is wrong."""


def unearned(tx: Read) -> Iterator[Unearned]:
    """Every promotion on evidence that the record does not bear out."""
    earned_moves = select(class_moves).where(class_moves.c.basis == "earned").order_by(class_moves.c.move_id)
    for row in tx.all(earned_moves):
        share = _share(row["evidence_json"])
        record = record_of(tx, row["agent"], row["rule"], row["fingerprint"], row["at"], share=share)
        what = f"class move {row['move_id']} lets {row['rule']} of {row['agent']} go unasked"
        for why in _faults(record, row["evidence_json"]):
            yield "class_moves", {"move_id": row["move_id"]}, f"{what}, {why}"
    earned_levels = select(levels).where(levels.c.basis == "earned").order_by(levels.c.grant_id)
    for row in tx.all(earned_levels):
        what = f"grant {row['grant_id']} puts {row['agent']} on level {row['level']}"
        for why in _of_level(tx, row):
            yield "levels", {"grant_id": row["grant_id"]}, f"{what}, {why}"


def _of_level(tx: Read, row: RowMapping) -> Iterator[str]:
    if row["level"] == 5:
        record = runs_record_of(tx, row["agent"], row["fingerprint"] or "", row["granted_at"])
        yield from _faults(record, row["evidence_json"])
        return
    named = _read(row["evidence_json"]).get("classes", [])
    mine = class_moves.c.agent == row["agent"], class_moves.c.at <= row["granted_at"], class_moves.c.stands == "allow"
    its_own = class_moves.c.fingerprint == row["fingerprint"], class_moves.c.basis == "earned"
    if tx.first(select(class_moves.c.move_id).where(class_moves.c.move_id.in_(named), *mine, *its_own)) is None:
        yield "and no class of it had been earned"


def _faults(record: Record, evidence_json: str) -> Iterator[str]:
    told, again = _read(evidence_json), json.loads(as_told(record))
    for name in COUNTED:
        if told.get(name) != again[name]:
            yield f"on {name} {told.get(name)}; counted again it is {again[name]}"
    if not record.verdict.ready:
        yield f"and the evidence was not enough: {'; '.join(record.verdict.missing)}"


def _share(evidence_json: str) -> float:
    """What the operator had set that it inherits."""
    said = _read(evidence_json).get("inherited")
    share = said.get("share") if isinstance(said, dict) else 0
    return share if isinstance(share, int | float) and 0 <= share <= 1 else 0


def _read(evidence_json: str) -> dict[str, Any]:
    """What cannot be read says nothing."""
    try:
        told = json.loads(evidence_json)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
