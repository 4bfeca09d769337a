"""The ledger: how did a model do when it was last tried?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import probes
from midwatch.ledger.transaction import Read, Write, reads, writes


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProbe:
    probe_id: int
    model: str
    fingerprint: str
    """Of what was measured: weights, server, the probe's own version."""
    score: float
    """0 to 1."""
    detail: str
    at: datetime


@writes(durable=False)
def record_probe(tx: Write, model: str, *, fingerprint: str, score: float, detail: str) -> ModelProbe:
    """Write what a measured probe of `model` gave."""
    facts = {"model": model, "fingerprint": fingerprint, "score": score}
    row = tx.insert(probes, at=tx.at, detail=detail, **facts)
    tx.journal("model_probed", None, **facts, detail_sha256=sha256(detail))
    return ModelProbe(**row)


@reads
def latest_probe(tx: Read, model: str) -> ModelProbe | None:
    """The newest probe of `model`, or None when it was never tried."""
    row = tx.first(select(probes).where(probes.c.model == model).order_by(probes.c.probe_id.desc()).limit(1))
    return None if row is None else ModelProbe(**row)
