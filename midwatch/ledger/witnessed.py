"""The ledger: which tables does the journal bear out, and which kinds of entries speak of the rows of each?"""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from midwatch.ledger.columns import NANO
from midwatch.ledger.pins import FIRST_USE
from midwatch.ledger.told import UNTOLD, Row, Tells, Witnessed


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


def _first_use(body: Row, _before: Row) -> Row:
    return {**_seen(body, _before), **_pinned(body, _before), "by": FIRST_USE}


def _seen(body: Row, _before: Row) -> Row:
    return {"seen": {"sha256": body["definition_sha256"]}}


def _pinned(body: Row, _before: Row) -> Row:
    return {"pinned": {"sha256": body["definition_sha256"]}}


def _paused(body: Row, _before: Row) -> Row:
    return {"paused_json": json.dumps(body["deployments"])}


def _known(body: Row, _before: Row) -> Row:
    """Prefect knows of the state, and nothing is paused by a breaker that is closed."""
    return {"paused_json": "[]"} if body["state"] == "closed" else {}


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
    Witnessed(
        table="staged",
        key=("staged_id",),
        tells={
            "staged": Tells(
                at=("at",),
                fixed={
                    **dict.fromkeys(("round", "by", "via", "because", "decided_at", "executing_run")),
                    "state": "staged",
                    "why": "",
                    "bound_json": UNTOLD,
                },
            ),
            "staged_decided": Tells(at=("decided_at",), each="staged_ids"),
            "staged_taken": Tells(run="executing_run"),
            "staged_settled": Tells(run=""),
        },
    ),
    Witnessed(table="layers_seen", key=("agent",), tells={"layers_seen": Tells(at=("at",))}),
    Witnessed(
        table="pins",
        key=("agent", "server", "tool"),
        tells={
            "tool_pinned": Tells(at=("pinned_at", "seen_at"), also=_first_use),
            "tool_grown": Tells(at=("seen_at",), fixed=dict.fromkeys(("pinned", "pinned_at", "by")), also=_seen),
            "tool_changed": Tells(at=("seen_at",), also=_seen),
            "tool_accepted": Tells(at=("pinned_at",), also=_pinned),
        },
    ),
    Witnessed(
        table="breakers",
        key=("agent",),
        tells={
            "breaker_opened": Tells(
                at=("opened_at",),
                fixed={
                    **dict.fromkeys(("probe_run", "closed_at", "closed_by", "closed_because")),
                    "state": "open",
                    "openings": 1,
                    "settled": 0,
                },
                also=lambda _, before: {"paused_json": before.get("paused_json", "[]")},
            ),
            "breaker_half_opened": Tells(fixed={"state": "half_open", "probe_run": None}),
            "breaker_probed": Tells(run="probe_run"),
            "breaker_reopened": Tells(
                named={"last_run": "probe_run"},
                fixed={"state": "open", "probe_run": None},
                also=lambda _, before: {"openings": before.get("openings", 0) + 1},
            ),
            "breaker_put_off": Tells(
                besides=frozenset({"probe_run"}), fixed={"state": "open", "probe_run": None}, run=""
            ),
            "breaker_closed": Tells(at=("closed_at",), fixed={"state": "closed", "settled": 0, "probe_run": None}),
            "breaker_paused": Tells(also=_paused),
            "breaker_settled": Tells(besides=frozenset({"state"}), fixed={"settled": 1}, also=_known),
        },
    ),
    Witnessed(table="worth_answers", key=("answers_id",), tells={"worth_answered": Tells(at=("at",))}),
    Witnessed(
        table="eval_results",
        key=("eval_id", "case_run"),
        tells={"eval_result": Tells(at=("at",), fixed={"result_id": UNTOLD, "case_fingerprint": UNTOLD})},
    ),
)
"""A table that this ledger does not have yet is passed over."""
