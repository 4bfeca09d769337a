"""The ledger: what did every run do, ask, cost and become? A database with a chained journal."""

from midwatch.ledger.asks import Ask, AskDecision, AskKind, AskRow, AskVerdict
from midwatch.ledger.chain import ChainReport
from midwatch.ledger.concerns import Ended, Green
from midwatch.ledger.decisions import Decided, DecisionRow
from midwatch.ledger.doubts import Settlement
from midwatch.ledger.effects import EffectRow, EffectState, Reservation, ReservationState
from midwatch.ledger.ledger import Ledger
from midwatch.ledger.levels import LevelGrant
from midwatch.ledger.mandates import MandateUse
from midwatch.ledger.notices import NoticeRow, SubjectRow
from midwatch.ledger.people import PersonRow
from midwatch.ledger.pins import Pin, PinState
from midwatch.ledger.probes import ModelProbe
from midwatch.ledger.runs import RunRow
from midwatch.ledger.slots import SlotClaim
from midwatch.ledger.steps import StepKind, StepRow, StoredStep

__all__ = [
    "Ask",
    "AskDecision",
    "AskKind",
    "AskRow",
    "AskVerdict",
    "ChainReport",
    "Decided",
    "DecisionRow",
    "EffectRow",
    "EffectState",
    "Ended",
    "Green",
    "Ledger",
    "LevelGrant",
    "MandateUse",
    "ModelProbe",
    "NoticeRow",
    "PersonRow",
    "Pin",
    "PinState",
    "Reservation",
    "ReservationState",
    "RunRow",
    "Settlement",
    "SlotClaim",
    "StepKind",
    "StepRow",
    "StoredStep",
    "SubjectRow",
]
