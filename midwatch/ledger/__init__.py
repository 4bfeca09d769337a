"""The ledger: what did every run do, ask, cost and become? A database with a chained journal."""

from midwatch.ledger.alarms import AlarmRow
from midwatch.ledger.arrivals import Arrival, ArrivalRow, ArrivalState
from midwatch.ledger.asks import Ask, AskDecision, AskKind, AskRow, AskVerdict
from midwatch.ledger.breakers import BreakerRow
from midwatch.ledger.caught import Caught
from midwatch.ledger.chain import ChainReport
from midwatch.ledger.classes import ClassMove, Trust
from midwatch.ledger.concerns import Ended, Green
from midwatch.ledger.decisions import Decided, DecisionRow
from midwatch.ledger.doubts import Settlement
from midwatch.ledger.effects import EffectRow, EffectState, Reservation, ReservationState
from midwatch.ledger.evals import EvalRow
from midwatch.ledger.evidence import Record
from midwatch.ledger.findings import Finding
from midwatch.ledger.halts import HaltCheck, HaltRow
from midwatch.ledger.incidents import IncidentRow, IncidentSeverity
from midwatch.ledger.ledger import Ledger
from midwatch.ledger.levels import LevelGrant, LevelStanding
from midwatch.ledger.mandates import MandateUse
from midwatch.ledger.notices import NoticeRow, SubjectRow
from midwatch.ledger.people import PersonRow
from midwatch.ledger.pins import Pin, PinState
from midwatch.ledger.probes import ModelProbe
from midwatch.ledger.promotions import Signature
from midwatch.ledger.proposals import Proposal
from midwatch.ledger.runs import RunRow
from midwatch.ledger.schedules import Schedule, ScheduleRow, Seen, Standing
from midwatch.ledger.slots import Accounting, Due, SlotClaim, SlotRow
from midwatch.ledger.staged import Staged, StagedRow, StagedState
from midwatch.ledger.stalls import Unfinished
from midwatch.ledger.steps import StepKind, StepRow, StoredStep
from midwatch.ledger.verify import Verified
from midwatch.ledger.worth import WorthRow

__all__ = [
    "Accounting",
    "AlarmRow",
    "Arrival",
    "ArrivalRow",
    "ArrivalState",
    "Ask",
    "AskDecision",
    "AskKind",
    "AskRow",
    "AskVerdict",
    "BreakerRow",
    "Caught",
    "ChainReport",
    "ClassMove",
    "Decided",
    "DecisionRow",
    "Due",
    "EffectRow",
    "EffectState",
    "Ended",
    "EvalRow",
    "Finding",
    "Green",
    "HaltCheck",
    "HaltRow",
    "IncidentRow",
    "IncidentSeverity",
    "Ledger",
    "LevelGrant",
    "LevelStanding",
    "MandateUse",
    "ModelProbe",
    "NoticeRow",
    "PersonRow",
    "Pin",
    "PinState",
    "Proposal",
    "Record",
    "Reservation",
    "ReservationState",
    "RunRow",
    "Schedule",
    "ScheduleRow",
    "Seen",
    "Settlement",
    "Signature",
    "SlotClaim",
    "SlotRow",
    "Staged",
    "StagedRow",
    "StagedState",
    "Standing",
    "StepKind",
    "StepRow",
    "StoredStep",
    "SubjectRow",
    "Trust",
    "Unfinished",
    "Verified",
    "WorthRow",
]
