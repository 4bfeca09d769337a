"""The ledger: how did a model do whenever it was tried?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import probes
from midwatch.ledger.transaction import Write, writes


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
