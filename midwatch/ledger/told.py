"""The ledger: what does the journal say of a row? A table of the tables, and of the kinds of entries that speak of each.

An entry tells a column by its name, or by the SHA-256 of its text (`reason_sha256` of `reason`, `args_sha256` of `args_json`).
What it tells otherwise stands here. What an older entry does not tell, and nobody can say, is `UNTOLD`: counted, not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from midwatch.ledger.columns import NANO, storable

Row = dict[str, Any]
"""By column, as JSON has it; a text of which only the hash is known is `{"sha256": ...}`."""
UNTOLD: Final = {"untold": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tells:
    """What one kind of entry says of a row, besides the columns that it names."""

    at: tuple[str, ...] = ()
    """Columns that hold the moment of the entry."""
    named: Mapping[str, str] = field(default_factory=dict)
    """By column, what the entry calls it."""
    besides: frozenset[str] = frozenset()
    """What it says that is about no column of the row, though it has the name of one."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """By column, what it then holds unless the entry says otherwise."""
    also: Callable[[Row, Row], Row] = lambda _body, _row: {}
    """More columns, from what the entry says and what the row was."""

    def row(self, body: Row, at: str, run_id: str | None, before: Row, columns: Collection[str]) -> Row:
        """What the row is after the entry, as far as it is told."""
        own = {
            name: value for name, value in body.items() if name not in self.besides and name not in self.named.values()
        }
        told = {column: said for column in columns if (said := _told(column, own)) is not None}
        told |= {column: _plain(body[name]) for column, name in self.named.items() if name in body}
        told |= dict.fromkeys(self.at, at)
        told |= {"run_id": run_id} if run_id is not None and "run_id" in columns else {}
        also = {column: said for column, said in self.also(body, before).items() if column in columns}
        return {
            **before,
            **self.fixed,
            **also,
            **{name: None if said is NOTHING else said for name, said in told.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """One table that the journal bears out, row by row and column by column."""

    table: str
    key: tuple[str, ...]
    tells: Mapping[str, Tells]
    """By kind of entry; the first of a row makes it."""


NOTHING: Final = object()
"""An entry says that the column is empty."""


def _told(column: str, body: Row) -> Any:
    """None: not told."""
    if column in body:
        return NOTHING if body[column] is None else _plain(body[column])
    for name in (f"{column}_sha256", f"{column.removesuffix('_json')}_sha256"):
        if name in body:
            return NOTHING if body[name] is None else {"sha256": body[name]}
    return None


def _plain(said: Any) -> Any:
    return storable(said) if isinstance(said, str) else said


def _reserved(body: Row, before: Row) -> Row:
    """`effect_reserved` stands for the first reservation, and for every other one behind a release (`before`)."""
    if "before" in body:
        return {"attempts": before.get("attempts", 0) + 1, "state": "reserved", "settled_at": None, "why": ""}
    return {"attempts": 1, "state": "reserved", "settled_at": None, "why": "", "result_json": None, "undo": ""}


def _undo(_body: Row, before: Row) -> Row:
    """What an older entry does not tell stayed as it was, or was emptied."""
    return {} if before.get("undo") == "" else {"undo": UNTOLD}


def _moved(state: str) -> Tells:
    return Tells(at=("settled_at",), fixed={"state": state, "why": ""}, also=_undo)


def _basis(body: Row, _before: Row) -> Row:
    """Of a grant from before there was evidence."""
    return {"basis": "override" if body["level"] > 3 else "person", "fingerprint": None, "evidence_json": "{}"}


def _dollars(body: Row, _before: Row) -> Row:
    usd = body.get("usd")
    nano = None if usd is None else int((Decimal(usd) * NANO).to_integral_value(ROUND_HALF_EVEN))
    return {"usd_nano": nano, **({} if "request_digest" in body else {"request_digest": UNTOLD})}


_UNANSWERED: Final = (
    "verdict",
    "by",
    "via",
    "decided_at",
    "decided_because",
    "edited_args_json",
    "answer",
    "granted_digest",
)

WITNESSED: Final[tuple[Witnessed, ...]] = (
    Witnessed(
        table="runs",
        key=("run_id",),
        tells={
            "run_started": Tells(
                fixed={
                    **dict.fromkeys(("finished_at", "outcome", "ending")),
                    "reason": "",
                    "findings_json": "[]",
                    "evidence": "",
                },
            ),
            "run_finished": Tells(at=("finished_at",)),
            "run_belongs_to": Tells(),
        },
    ),
    Witnessed(table="steps", key=("run_id", "position"), tells={"step": Tells(at=("at",), also=_dollars)}),
    Witnessed(table="labels", key=("run_id", "label"), tells={"label": Tells(at=("at",))}),
    Witnessed(table="decisions", key=("run_id", "position", "digest"), tells={"decision": Tells(at=("at",))}),
    Witnessed(
        table="asks",
        key=("ask_id",),
        tells={
            "ask_opened": Tells(
                fixed={
                    **dict.fromkeys((*_UNANSWERED, "spent_at")),
                    "agent": UNTOLD,
                    "context_json": "{}",
                    "planted": "",
                },
            ),
            "ask_decided": Tells(at=("decided_at",)),
            "approval_spent": Tells(at=("spent_at",), besides=frozenset({"digest"})),
        },
    ),
    Witnessed(
        table="effects",
        key=("effect_id",),
        tells={
            "effect_reserved": Tells(at=("reserved_at",), also=_reserved),
            "effect_consumed": _moved("consumed"),
            "effect_released": _moved("released"),
            "effect_unknown": _moved("unknown"),
        },
    ),
    Witnessed(
        table="mandates",
        key=("mandate_id",),
        tells={
            "mandate_granted": Tells(
                at=("created_at",), fixed=dict.fromkeys(("revoked_at", "revoked_by", "revoked_because"))
            ),
            "mandate_revoked": Tells(at=("revoked_at",), named={"revoked_by": "by", "revoked_because": "because"}),
        },
    ),
    Witnessed(
        table="halts",
        key=("halt_id",),
        tells={
            "halted": Tells(
                at=("at",), fixed=dict.fromkeys(("lifted_at", "lifted_by", "lifted_via", "lifted_because"))
            ),
            "halt_lifted": Tells(
                at=("lifted_at",),
                named={"lifted_by": "by", "lifted_via": "via", "lifted_because": "because"},
            ),
        },
    ),
    Witnessed(table="levels", key=("grant_id",), tells={"level_granted": Tells(at=("granted_at",), also=_basis)}),
    Witnessed(table="class_moves", key=("move_id",), tells={"class_moved": Tells(at=("at",))}),
    Witnessed(table="incidents", key=("incident_id",), tells={"incident": Tells(at=("at",))}),
    Witnessed(
        table="proposals",
        key=("proposal_id",),
        tells={
            "promotion_proposed": Tells(
                at=("opened_at",), fixed=dict.fromkeys(("closed_at", "closed_by", "verdict", "closed_because"))
            ),
            "promotion_closed": Tells(at=("closed_at",)),
        },
    ),
    Witnessed(
        table="fingerprints",
        key=("agent", "fingerprint"),
        tells={"fingerprint_seen": Tells(at=("first_at",))},
    ),
)
"""A table that this ledger does not have yet is passed over."""
