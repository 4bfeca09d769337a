"""The ladder: is there evidence enough to trust an agent's class of action, or its runs, without asking? Pure."""

from midwatch.ladder.eprocess import Fall, Tally, bound, curve, factor, log_e, needed
from midwatch.ladder.evidence import Action, Evidence, counted, evidence_of, with_inherited
from midwatch.ladder.runs import judge_runs, run_severity
from midwatch.ladder.sensitivity import Sensitivity, at_least, sensitivity_of
from midwatch.ladder.standing import Verdict, judge
from midwatch.ladder.thresholds import (
    ALPHA,
    ASSUMED,
    CLEAN,
    CONFIDENCE,
    MAJOR,
    MIN_DAYS,
    MIN_INPUTS,
    MINOR,
    RUN_P0,
    p0_of,
    window_of,
)
from midwatch.ladder.words import in_words

__all__ = [
    "ALPHA",
    "ASSUMED",
    "CLEAN",
    "CONFIDENCE",
    "MAJOR",
    "MINOR",
    "MIN_DAYS",
    "MIN_INPUTS",
    "RUN_P0",
    "Action",
    "Evidence",
    "Fall",
    "Sensitivity",
    "Tally",
    "Verdict",
    "at_least",
    "bound",
    "counted",
    "curve",
    "evidence_of",
    "factor",
    "in_words",
    "judge",
    "judge_runs",
    "log_e",
    "needed",
    "p0_of",
    "run_severity",
    "sensitivity_of",
    "window_of",
    "with_inherited",
]
